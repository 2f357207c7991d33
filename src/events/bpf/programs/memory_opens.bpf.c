// Processes whose memory others open for writing, by the function that decides it: it costs other opens nothing.
#include "events/bpf/programs/ptrace.h"

RING(security_ring);

SEC("fexit/mem_open")
int BPF_PROG(mem_open, struct inode* inode, struct file* file, int result) {
  const struct call call = {.program = WIRE_PROGRAM_MEMORY_OPEN, .ring = &security_ring, .result = result};
  return memory_opened(&call, file);
}

char LICENSE[] SEC("license") = "GPL";
