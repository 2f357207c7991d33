// A process ends with the last of its threads.
#include "events/bpf/programs/actor.h"

RING(process_ring);

#define SIGNAL_GROUP_EXIT 4U

// Before 6.16 the tracepoint does not say whether the thread is the last one, and several may find that none is alive:
// the first counts.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct wire_key);
  __type(value, __u8);
} ended SEC(".maps");

typedef void (*btf_trace_sched_process_exit)(void*, void*, bool);

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct* task) {
  struct signal_struct* const signal = task->signal;
  if (signal->live.counter != 0) return 0;
  struct wire_exit record;
  begin(&record.event, WIRE_EXIT, WIRE_PROGRAM_EXIT, task);
  const __u8 yes = 1;
  if (bpf_map_update_elem(&ended, &record.event.actor.process, &yes, BPF_NOEXIST)) return 0;
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_EXIT);
  if (!counts) return 0;
  counts->seen++;
  struct task_struct* const leader = task->group_leader;
  record.code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
  record.cpu = task->se.sum_exec_runtime + signal->sum_sched_runtime;
  if (leader != task) record.cpu += leader->se.sum_exec_runtime;
  record.reserved = 0;
  SEND(process_ring, counts, record);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
