// The calls of 32-bit programs, those made by int 0x80 and x32's, which tracepoints of single calls do not see: what
// exec_failed, ptrace, bpf_load, namespaces and credentials tell of the others. For kernels that refuse
// compat_calls.bpf.c: it runs at the end of every call of every process, so it returns at once from the others, and
// still costs each 90 ns.
#include "events/bpf/programs/compat_told.h"

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs* registers, long result) {
  const __u32 name = compat_call(registers->orig_ax);
  if (name == WIRE_CALLS) return 0;
  return is_exec(name) ? compat_exec_ended(result) : compat_ended(result);
}

char LICENSE[] SEC("license") = "GPL";
