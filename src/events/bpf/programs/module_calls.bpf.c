// Kernel modules that could not be loaded or unloaded.
#include "events/bpf/programs/modules.h"

RING(security_ring);

#define CALL(name, call_name)                                                          \
  SEC("tracepoint/syscalls/sys_exit_" #name)                                           \
  int sys_exit_##name(const struct syscall_exit* context) {                            \
    const struct call call = ended(context, WIRE_PROGRAM_MODULE_CALL, &security_ring); \
    return module_ended(&call, call_name);                                             \
  }

CALL(init_module, WIRE_CALL_INIT_MODULE)
CALL(finit_module, WIRE_CALL_FINIT_MODULE)
CALL(delete_module, WIRE_CALL_DELETE_MODULE)

char LICENSE[] SEC("license") = "GPL";
