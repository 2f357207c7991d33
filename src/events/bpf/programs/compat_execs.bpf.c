// Execs of 32-bit programs and by int 0x80 that the kernel refuses, as compat_calls.bpf.c.
#include "events/bpf/programs/compat_told.h"

SEC("fexit/__ia32_compat_sys_execve")
int BPF_PROG(compat_sys_execve, const struct pt_regs* registers, long result) { return compat_exec_ended(result); }

SEC("fexit/__ia32_compat_sys_execveat")
int BPF_PROG(compat_sys_execveat, const struct pt_regs* registers, long result) { return compat_exec_ended(result); }

char LICENSE[] SEC("license") = "GPL";
