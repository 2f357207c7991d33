// A process begins. Its threads are no processes.
#include "events/bpf/programs/registers.h"

RING(process_ring);

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct* task, struct task_struct* child) {
  if (child->pid != child->tgid) return 0;
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_FORK);
  if (!counts) return 0;
  counts->seen++;
  struct wire_fork record;
  begin(&record.event, WIRE_FORK, WIRE_PROGRAM_FORK, task);
  record.event.flags |= way_here();
  key_of(&record.parent, child->real_parent);
  key_of(&record.child, child);
  const __u64 number = number_here();
  record.call = is_x32(number) ? number & ~X32_BIT : number;
  record.reserved = 0;
  SEND(process_ring, counts, record);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
