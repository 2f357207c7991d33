// Processes that change whom they act for, with what they were before.
#pragma once

#include "events/bpf/programs/calls.h"

struct rights {
  struct wire_ids ids;
  __u64 capabilities;
};

// Threads that are in one of the calls.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, struct rights);
} rights_before SEC(".maps");

static __always_inline void read_rights(struct rights* rights) {
  const struct cred* const cred = CURRENT(cred);
  if (is_current_known())
    ids_of(&rights->ids, cred);
  else
    ids_of_number(&rights->ids, cred);
  bpf_core_read(&rights->capabilities, sizeof(rights->capabilities), &cred->cap_effective);
}

static __always_inline int credentials_begin(void) {
  const __u64 thread = bpf_get_current_pid_tgid();
  struct rights rights = {.ids = {.login_uid = WIRE_UNSET, .session = WIRE_UNSET}};
  read_rights(&rights);
  bpf_map_update_elem(&rights_before, &thread, &rights, BPF_ANY);
  return 0;
}

static __always_inline int credentials_ended(const struct call* call, __u32 name) {
  const __u64 thread = bpf_get_current_pid_tgid();
  const struct rights* const before = bpf_map_lookup_elem(&rights_before, &thread);
  if (!before && call->result >= 0) return 0;
  struct scratch* const scratch = begin_call(call, name);
  if (!scratch) return 0;
  struct wire_call* const record = &scratch->record;
  struct rights after;
  read_rights(&after);
  record->before = before ? before->ids : after.ids;  // a call that has failed has changed nothing
  record->old_capabilities = before ? before->capabilities : after.capabilities;
  record->capabilities = after.capabilities;
  bpf_map_delete_elem(&rights_before, &thread);
  return end_call(call, scratch);
}
