// A process ends with the last of its threads.
#define TYPED_TASKS
#include "events/bpf/programs/actor.h"

RING(process_ring);

#define SIGNAL_GROUP_EXIT 4U

// Older kernels do not say whether a thread is the last one, and several may find that none is alive: the first counts.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, struct wire_key);
  __type(value, __u8);
} ended SEC(".maps");

// The tracepoint as newer kernels have it.
typedef void (*btf_trace_sched_process_exit)(void*, struct task_struct*, bool);

static __always_inline bool is_last(const volatile __u64* arguments, struct task_struct* task) {
  if (bpf_core_type_matches(btf_trace_sched_process_exit)) return arguments[1];
  if (READ(task, signal, live.counter) != 0) return false;
  struct wire_key process;
  key_of(&process, task);
  const __u8 yes = 1;
  return bpf_map_update_elem(&ended, &process, &yes, BPF_NOEXIST) == 0;
}

SEC("tp_btf/sched_process_exit")
int sched_process_exit(__u64* arguments) {
  struct task_struct* const task = (void*)arguments[0];
  if (!is_last(arguments, task)) return 0;
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_EXIT);
  if (!counts) return 0;
  counts->seen++;
  struct wire_exit record;
  begin(&record.event, WIRE_EXIT, WIRE_PROGRAM_EXIT, task);
  struct signal_struct* const signal = READ(task, signal);
  struct task_struct* const leader = READ(task, group_leader);
  record.code = READ(signal, flags) & SIGNAL_GROUP_EXIT ? READ(signal, group_exit_code) : READ(leader, exit_code);
  record.cpu = READ(task, se.sum_exec_runtime) + READ(signal, sum_sched_runtime);
  if (leader != task) record.cpu += READ(leader, se.sum_exec_runtime);
  record.reserved = 0;
  SEND(process_ring, counts, record);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
