// Processes that look into others or change them.
#pragma once

#include "events/bpf/programs/calls.h"

#define PTRACE_POKETEXT 4
#define PTRACE_POKEUSR 6
#define PTRACE_SETREGS 13
#define PTRACE_ATTACH 16
#define PTRACE_SETREGSET 0x4205
#define PTRACE_SEIZE 0x4206

#define PROC_SUPER_MAGIC 0x9fa0

static __always_inline void read_target_of(struct wire_call* record, struct task_struct* target) {
  record->target.pid = BPF_CORE_READ(target, tgid);
  record->target.start = BPF_CORE_READ(target, group_leader, start_boottime);
  record->target_uid = BPF_CORE_READ(target, cred, uid.val);
}

// Who has just been attached to: the newest of those that the caller traces.
static __always_inline void read_target(struct wire_call* record) {
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct list_head* const head = &task->ptraced;
  struct list_head* const first = BPF_CORE_READ(head, next);
  if (first == head) return;
  read_target_of(record, (void*)first - bpf_core_field_offset(struct task_struct, ptrace_entry));
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

// Whose memory a file is (proc_pid_mem(5)) that is open for writing; NULL: nobody's.
static __always_inline struct pid* whose_memory(struct file* file) {
  if (!(BPF_CORE_READ(file, f_mode) & FMODE_WRITE)) return NULL;
  struct inode* const inode = BPF_CORE_READ(file, f_inode);
  if (BPF_CORE_READ(inode, i_sb, s_magic) != PROC_SUPER_MAGIC) return NULL;
  char name[4] = {};
  bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
  if (name[0] != 'm' || name[1] != 'e' || name[2] != 'm' || name[3]) return NULL;
  struct proc_inode* const about = (void*)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
  return BPF_CORE_READ(about, pid);
}

// Another process's memory has been opened for writing, or was to be.
static __always_inline int memory_opened(const struct call* call, struct file* file) {
  struct pid* const pid = whose_memory(file);
  struct hlist_node* const first = BPF_CORE_READ(pid, tasks[0].first);
  struct task_struct* const target = (void*)first - bpf_core_field_offset(struct task_struct, pid_links);
  if (!pid || (first && BPF_CORE_READ(target, tgid) == (int)(bpf_get_current_pid_tgid() >> 32))) return 0;
  struct scratch* const scratch = begin_call(call, WIRE_CALL_PROC_MEM);
  if (!scratch) return 0;
  struct wire_call* const record = &scratch->record;
  record->target_uid = WIRE_UNSET;
  record->target.pid = BPF_CORE_READ(pid, numbers[0].nr);
  if (first) read_target_of(record, target);
  return end_call(call, scratch);
}

// The same by a call that has opened it.
static __always_inline int memory_open_ended(struct call* call) {
  if (call->result < 0) return 0;
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct file* const file = file_of(task, call->result);
  call->result = 0;
  return file ? memory_opened(call, file) : 0;
}
