// Programs that others load into the kernel and attach there.
#include "events/bpf/programs/bpf_load.h"

RING(security_ring);

ON_USUAL_CALL_END(bpf, WIRE_PROGRAM_BPF_LOAD, security_ring, bpf_ended)

char LICENSE[] SEC("license") = "GPL";
