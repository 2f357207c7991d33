// Namespaces that processes leave and enter, and what they mount.
#include "events/bpf/programs/calls.h"

RING(security_ring);

static __always_inline int told(const struct syscall_exit* context, __u32 call, int source, int target,
                                int filesystem) {
  struct scratch* const scratch = begin_call(WIRE_PROGRAM_NAMESPACE, call, context->result);
  if (!scratch) return 0;
  if (source >= 0) add_argument(scratch, 0, scratch->record.arguments[source]);
  if (target >= 0) add_argument(scratch, 1, scratch->record.arguments[target]);
  if (filesystem >= 0) add_argument(scratch, 2, scratch->record.arguments[filesystem]);
  return end_call(scratch, &security_ring);
}

// Which arguments are the source, the target and the filesystem's type.
#define CALL(name, call, source, target, filesystem) \
  SEC("tracepoint/syscalls/sys_exit_" #name)         \
  int sys_exit_##name(const struct syscall_exit* context) { return told(context, call, source, target, filesystem); }

CALL(unshare, WIRE_CALL_UNSHARE, -1, -1, -1)
CALL(setns, WIRE_CALL_SETNS, -1, -1, -1)
CALL(mount, WIRE_CALL_MOUNT, 0, 1, 2)
CALL(umount, WIRE_CALL_UMOUNT, -1, 0, -1)
CALL(move_mount, WIRE_CALL_MOVE_MOUNT, 1, 3, -1)
CALL(pivot_root, WIRE_CALL_PIVOT_ROOT, 0, 1, -1)
CALL(chroot, WIRE_CALL_CHROOT, -1, 0, -1)

char LICENSE[] SEC("license") = "GPL";
