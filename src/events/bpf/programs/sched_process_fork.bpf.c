// A process begins. Its threads are no processes.
#define TYPED_TASKS
#include "events/bpf/programs/actor.h"

RING(process_ring);

// The number of the system call that the task is in: x86 only, and from 5.15.
static __always_inline int call_of(struct task_struct* task) {
  if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) return -1;
  const struct pt_regs* registers = (void*)bpf_task_pt_regs(task);
  return bpf_core_field_exists(registers->orig_ax) ? BPF_CORE_READ(registers, orig_ax) : -1;
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
  record.call = call_of(task);
  record.reserved = 0;
  SEND(process_ring, counts, record);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
