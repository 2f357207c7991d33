// Processes whose memory others open for writing, by the ends of calls, for kernels that refuse memory_opens.bpf.c:
// opens of io_uring do not come by here, nor those that are refused.
#include "events/bpf/programs/ptrace.h"

RING(security_ring);

static __always_inline int opened(const struct syscall_exit* context) {
  struct call call = {.program = WIRE_PROGRAM_MEMORY_OPEN_CALL, .ring = &security_ring, .result = context->result};
  return memory_open_ended(&call);
}

SEC("tracepoint/syscalls/sys_exit_open")
int sys_exit_open(const struct syscall_exit* context) {
  const struct pt_regs* const registers = registers_here();
  return REGISTER(registers, si) & O_ACCMODE ? opened(context) : 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int sys_exit_openat(const struct syscall_exit* context) {
  const struct pt_regs* const registers = registers_here();
  return REGISTER(registers, dx) & O_ACCMODE ? opened(context) : 0;
}

SEC("tracepoint/syscalls/sys_exit_creat")
int sys_exit_creat(const struct syscall_exit* context) { return opened(context); }

// Its flags lie in the caller's memory.
SEC("tracepoint/syscalls/sys_exit_openat2")
int sys_exit_openat2(const struct syscall_exit* context) { return opened(context); }

char LICENSE[] SEC("license") = "GPL";
