// Execs that the kernel refuses.
#include "events/bpf/programs/exec_failed.h"

RING(process_ring);

static __always_inline int failed(const struct syscall_exit* context, __u32 name) {
  if (context->result >= 0) return 0;
  const struct call call = ended(context, WIRE_PROGRAM_EXEC_FAILED, &process_ring);
  return exec_ended(&call, name);
}

SEC("tracepoint/syscalls/sys_exit_execve")
int sys_exit_execve(const struct syscall_exit* context) { return failed(context, WIRE_CALL_EXECVE); }

SEC("tracepoint/syscalls/sys_exit_execveat")
int sys_exit_execveat(const struct syscall_exit* context) { return failed(context, WIRE_CALL_EXECVEAT); }

char LICENSE[] SEC("license") = "GPL";
