// Processes that change whom they act for, with what they were before.
#include "events/bpf/programs/calls.h"

RING(security_ring);

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
  struct task_struct* const task = (void*)bpf_get_current_task();
  const struct cred* const cred = BPF_CORE_READ(task, cred);
  ids_of(&rights->ids, cred);
  bpf_core_read(&rights->capabilities, sizeof(rights->capabilities), &cred->cap_effective);
}

static __always_inline int begins(void) {
  const __u64 thread = bpf_get_current_pid_tgid();
  struct rights rights = {.ids = {.login_uid = WIRE_UNSET, .session = WIRE_UNSET}};
  read_rights(&rights);
  bpf_map_update_elem(&rights_before, &thread, &rights, BPF_ANY);
  return 0;
}

static __always_inline int ends(const struct syscall_exit* context, __u32 call) {
  const __u64 thread = bpf_get_current_pid_tgid();
  const struct rights* const before = bpf_map_lookup_elem(&rights_before, &thread);
  if (!before) return 0;
  struct scratch* const scratch = begin_call(WIRE_PROGRAM_CREDENTIALS, call, context->result);
  if (!scratch) return 0;
  struct wire_call* const record = &scratch->record;
  struct rights after;
  read_rights(&after);
  record->before = before->ids;
  record->old_capabilities = before->capabilities;
  record->capabilities = after.capabilities;
  bpf_map_delete_elem(&rights_before, &thread);
  return end_call(scratch, &security_ring);
}

#define CALL(name, call)                                   \
  SEC("tracepoint/syscalls/sys_enter_" #name)              \
  int sys_enter_##name(void* context) { return begins(); } \
  SEC("tracepoint/syscalls/sys_exit_" #name)               \
  int sys_exit_##name(const struct syscall_exit* context) { return ends(context, call); }

CALL(setuid, WIRE_CALL_SETUID)
CALL(setreuid, WIRE_CALL_SETREUID)
CALL(setresuid, WIRE_CALL_SETRESUID)
CALL(setgid, WIRE_CALL_SETGID)
CALL(setregid, WIRE_CALL_SETREGID)
CALL(setresgid, WIRE_CALL_SETRESGID)
CALL(capset, WIRE_CALL_CAPSET)

char LICENSE[] SEC("license") = "GPL";
