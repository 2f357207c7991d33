// Signals that processes send to others, by whatever call.
#define TYPED_TASKS
#include "events/bpf/programs/actor.h"

RING(process_ring);

#define SI_USER 0
#define SI_QUEUE (-1)
#define SI_TKILL (-6)

SEC("tp_btf/signal_generate")
int BPF_PROG(signal_generate, int signal, struct kernel_siginfo* info, struct task_struct* target) {
  const struct wire_settings* const wanted = our_settings();
  if (!wanted || !wanted->kills) return 0;
  // 0 and 1 stand for information that there is none of: from a process, from the kernel.
  int code = SI_USER;
  if ((__u64)info == 1) return 0;
  if (info)
    bpf_probe_read_kernel(&code, sizeof(code), (void*)info + bpf_core_field_offset(struct kernel_siginfo, si_code));
  if (code != SI_USER && code != SI_QUEUE && code != SI_TKILL) return 0;
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_SIGNAL);
  if (!counts) return 0;
  counts->seen++;
  if (wanted->self == bpf_get_current_pid_tgid() >> 32) {
    counts->filtered++;
    return 0;
  }
  struct wire_signal record;
  begin(&record.event, WIRE_SIGNAL, WIRE_PROGRAM_SIGNAL, bpf_get_current_task_btf());
  key_of(&record.target, target);
  record.signal = signal;
  record.code = code;
  SEND(process_ring, counts, record);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
