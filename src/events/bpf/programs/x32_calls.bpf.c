// x32's calls, by the function that only these come by, as compat_calls.bpf.c.
#include "events/bpf/programs/compat_told.h"

SEC("fentry/x32_sys_call")
int BPF_PROG(x32_begins, const struct pt_regs* registers, unsigned int number) {
  return changes_credentials(name_here()) ? credentials_begin() : 0;
}

SEC("fexit/x32_sys_call")
int BPF_PROG(x32_ended, const struct pt_regs* registers, unsigned int number, long result) {
  return is_exec(name_here()) ? compat_exec_ended(result) : compat_ended(result);
}

char LICENSE[] SEC("license") = "GPL";
