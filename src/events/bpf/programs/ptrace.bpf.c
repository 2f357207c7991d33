// Processes that look into others or change them.
#include "events/bpf/programs/ptrace.h"

RING(security_ring);

SEC("tracepoint/syscalls/sys_exit_ptrace")
int sys_exit_ptrace(const struct syscall_exit* context) {
  const struct call call = ended(context, WIRE_PROGRAM_PTRACE, &security_ring);
  return ptrace_ended(&call);
}

static __always_inline int copied(const struct syscall_exit* context, __u32 name) {
  const struct call call = ended(context, WIRE_PROGRAM_PTRACE, &security_ring);
  return copy_ended(&call, name);
}

SEC("tracepoint/syscalls/sys_exit_process_vm_readv")
int sys_exit_process_vm_readv(const struct syscall_exit* context) { return copied(context, WIRE_CALL_VM_READ); }

SEC("tracepoint/syscalls/sys_exit_process_vm_writev")
int sys_exit_process_vm_writev(const struct syscall_exit* context) { return copied(context, WIRE_CALL_VM_WRITE); }

char LICENSE[] SEC("license") = "GPL";
