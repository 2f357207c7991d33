// Kernel modules that could not be loaded or unloaded.
#include "events/bpf/programs/modules.h"

RING(security_ring);

ON_USUAL_CALL_END(init_module, WIRE_PROGRAM_MODULE_CALL, security_ring, module_ended, WIRE_CALL_INIT_MODULE)
ON_USUAL_CALL_END(finit_module, WIRE_PROGRAM_MODULE_CALL, security_ring, module_ended, WIRE_CALL_FINIT_MODULE)
ON_USUAL_CALL_END(delete_module, WIRE_PROGRAM_MODULE_CALL, security_ring, module_ended, WIRE_CALL_DELETE_MODULE)

char LICENSE[] SEC("license") = "GPL";
