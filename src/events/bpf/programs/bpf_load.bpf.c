// Programs that others load into the kernel and attach there.
#include "events/bpf/programs/bpf_load.h"

RING(security_ring);

SEC("tracepoint/syscalls/sys_exit_bpf")
int sys_exit_bpf(const struct syscall_exit* context) {
  const struct call call = ended(context, WIRE_PROGRAM_BPF_LOAD, &security_ring);
  return bpf_ended(&call);
}

char LICENSE[] SEC("license") = "GPL";
