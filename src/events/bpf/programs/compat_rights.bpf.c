// The other ways into the kernel: what a process may before it changes that, for compat.bpf.c.
#include "events/bpf/programs/compat.h"
#include "events/bpf/programs/credentials.h"

RING(process_ring);

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs* registers, long number) {
  return changes_credentials(compat_call(number)) ? credentials_begin() : 0;
}

char LICENSE[] SEC("license") = "GPL";
