// A process begins. Its threads are no processes.
#include "events/bpf/programs/registers.h"

RING(process_ring);

// The number of the system call that the task is in; -1: not known, on others than x86.
static __always_inline int call_here(void) {
  const struct pt_regs* const registers = registers_here();
  return bpf_core_field_exists(registers->orig_ax) ? REGISTER(registers, orig_ax) : -1;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct* task, struct task_struct* child) {
  if (child->pid != child->tgid) return 0;
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_FORK);
  if (!counts) return 0;
  counts->seen++;
  struct wire_fork record;
  begin(&record.event, WIRE_FORK, WIRE_PROGRAM_FORK, task);
  if (task->thread_info.status & 2) record.event.flags |= WIRE_COMPAT;
  key_of(&record.parent, child->real_parent);
  key_of(&record.child, child);
  record.call = call_here();
  record.reserved = 0;
  SEND(process_ring, counts, record);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
