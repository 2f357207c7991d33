// Namespaces that processes leave and enter, and what they mount.
#pragma once

#include "events/bpf/programs/calls.h"

// `source`, `target`, `filesystem`: which arguments are these, or -1.
static __always_inline int namespace_ended(const struct call* call, __u32 name, int source, int target,
                                           int filesystem) {
  struct scratch* const scratch = begin_call(call, name);
  if (!scratch) return 0;
  if (source >= 0) add_argument(scratch, 0, call->arguments[source]);
  if (target >= 0) add_argument(scratch, 1, call->arguments[target]);
  if (filesystem >= 0) add_argument(scratch, 2, call->arguments[filesystem]);
  return end_call(call, scratch);
}

static __always_inline int namespace_call_ended(const struct call* call, __u32 name) {
  switch (name) {
    case WIRE_CALL_MOUNT:
      return namespace_ended(call, name, 0, 1, 2);
    case WIRE_CALL_MOVE_MOUNT:
      return namespace_ended(call, name, 1, 3, -1);
    case WIRE_CALL_PIVOT_ROOT:
      return namespace_ended(call, name, 0, 1, -1);
    case WIRE_CALL_UMOUNT:
    case WIRE_CALL_CHROOT:
      return namespace_ended(call, name, -1, 0, -1);
    default:
      return namespace_ended(call, name, -1, -1, -1);
  }
}
