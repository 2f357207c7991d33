// Namespaces that processes leave and enter, and what they mount.
#include "events/bpf/programs/namespaces.h"

RING(security_ring);

ON_USUAL_CALL_END(unshare, WIRE_PROGRAM_NAMESPACE, security_ring, namespace_call_ended, WIRE_CALL_UNSHARE)
ON_USUAL_CALL_END(setns, WIRE_PROGRAM_NAMESPACE, security_ring, namespace_call_ended, WIRE_CALL_SETNS)
ON_USUAL_CALL_END(mount, WIRE_PROGRAM_NAMESPACE, security_ring, namespace_call_ended, WIRE_CALL_MOUNT)
ON_USUAL_CALL_END(umount, WIRE_PROGRAM_NAMESPACE, security_ring, namespace_call_ended, WIRE_CALL_UMOUNT)
ON_USUAL_CALL_END(move_mount, WIRE_PROGRAM_NAMESPACE, security_ring, namespace_call_ended, WIRE_CALL_MOVE_MOUNT)
ON_USUAL_CALL_END(pivot_root, WIRE_PROGRAM_NAMESPACE, security_ring, namespace_call_ended, WIRE_CALL_PIVOT_ROOT)
ON_USUAL_CALL_END(chroot, WIRE_PROGRAM_NAMESPACE, security_ring, namespace_call_ended, WIRE_CALL_CHROOT)

char LICENSE[] SEC("license") = "GPL";
