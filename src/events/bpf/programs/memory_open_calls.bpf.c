// Processes whose memory others open for writing, by the ends of calls, for kernels that refuse memory_opens.bpf.c:
// opens of io_uring do not come by here, nor those that are refused.
#include "events/bpf/programs/ptrace.h"

RING(security_ring);

static __always_inline int opened(const struct syscall_exit* context) {
  struct call call = {.program = WIRE_PROGRAM_MEMORY_OPEN_CALL, .ring = &security_ring, .result = context->result};
  return memory_open_ended(&call);
}

#include "events/bpf/programs/open_ends.h"

char LICENSE[] SEC("license") = "GPL";
