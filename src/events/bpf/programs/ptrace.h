// Processes that look into others or change them.
#pragma once

#include "events/bpf/programs/calls.h"

#define PTRACE_POKETEXT 4
#define PTRACE_POKEUSR 6
#define PTRACE_SETREGS 13
#define PTRACE_ATTACH 16
#define PTRACE_SETREGSET 0x4205
#define PTRACE_SEIZE 0x4206

// Who has just been attached to: the newest of those that the caller traces.
static __always_inline void read_target(struct wire_call* record) {
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct list_head* const head = &task->ptraced;
  struct list_head* const first = BPF_CORE_READ(head, next);
  if (first == head) return;
  struct task_struct* const target = (void*)first - bpf_core_field_offset(struct task_struct, ptrace_entry);
  record->target.pid = BPF_CORE_READ(target, tgid);
  record->target.start = BPF_CORE_READ(target, group_leader, start_boottime);
  record->target_uid = BPF_CORE_READ(target, cred, uid.val);
}

static __always_inline int ptrace_ended(const struct call* call) {
  const __u64 request = call->arguments[0];
  const bool attaches = request == PTRACE_ATTACH || request == PTRACE_SEIZE;
  const bool writes = (request >= PTRACE_POKETEXT && request <= PTRACE_POKEUSR) || request == PTRACE_SETREGS ||
                      request == PTRACE_SETREGSET;
  if (!attaches && !writes) return 0;
  struct scratch* const scratch = begin_call(call, WIRE_CALL_PTRACE);
  if (!scratch) return 0;
  struct wire_call* const record = &scratch->record;
  record->target_uid = WIRE_UNSET;
  record->target.pid = record->arguments[1];
  if (attaches && call->result >= 0) read_target(record);
  return end_call(call, scratch);
}

static __always_inline int copy_ended(const struct call* call, __u32 name) {
  struct scratch* const scratch = begin_call(call, name);
  if (!scratch) return 0;
  scratch->record.target_uid = WIRE_UNSET;
  scratch->record.target.pid = scratch->record.arguments[0];
  return end_call(call, scratch);
}
