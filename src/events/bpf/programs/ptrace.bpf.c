// Processes that look into others or change them.
#include "events/bpf/programs/ptrace.h"

RING(security_ring);

ON_USUAL_CALL_END(ptrace, WIRE_PROGRAM_PTRACE, security_ring, ptrace_ended)
ON_USUAL_CALL_END(process_vm_readv, WIRE_PROGRAM_PTRACE, security_ring, copy_ended, WIRE_CALL_VM_READ)
ON_USUAL_CALL_END(process_vm_writev, WIRE_PROGRAM_PTRACE, security_ring, copy_ended, WIRE_CALL_VM_WRITE)

char LICENSE[] SEC("license") = "GPL";
