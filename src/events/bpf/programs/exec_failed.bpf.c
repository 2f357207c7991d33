// Execs that the kernel refuses.
#include "events/bpf/programs/exec_failed.h"

RING(process_ring);

static __always_inline int failed(long result, __u32 name) {
  if (result >= 0 || is_x32(number_here())) return 0;
  const struct call call = ended(result, WIRE_PROGRAM_EXEC_FAILED, &process_ring);
  return exec_ended(&call, name);
}

ON_CALL_END(execve, failed(result, WIRE_CALL_EXECVE))
ON_CALL_END(execveat, failed(result, WIRE_CALL_EXECVEAT))

char LICENSE[] SEC("license") = "GPL";
