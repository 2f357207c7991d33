// Namespaces that processes leave and enter, and what they mount.
#include "events/bpf/programs/namespaces.h"

RING(security_ring);

#define CALL(name, call_name)                                                        \
  SEC("tracepoint/syscalls/sys_exit_" #name)                                         \
  int sys_exit_##name(const struct syscall_exit* context) {                          \
    const struct call call = ended(context, WIRE_PROGRAM_NAMESPACE, &security_ring); \
    return namespace_call_ended(&call, call_name);                                   \
  }

CALL(unshare, WIRE_CALL_UNSHARE)
CALL(setns, WIRE_CALL_SETNS)
CALL(mount, WIRE_CALL_MOUNT)
CALL(umount, WIRE_CALL_UMOUNT)
CALL(move_mount, WIRE_CALL_MOVE_MOUNT)
CALL(pivot_root, WIRE_CALL_PIVOT_ROOT)
CALL(chroot, WIRE_CALL_CHROOT)

char LICENSE[] SEC("license") = "GPL";
