// Kernel modules that come and go, and the calls that ask for it.
#pragma once

#include "events/bpf/programs/calls.h"

static __always_inline void add_module_file(struct scratch* scratch, __s32 descriptor) {
  const __u64 before = scratch->at;
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct file* const file = file_of(task, descriptor);
  struct fs_struct* const fs = BPF_CORE_READ(task, fs);
  if (file && add_path(scratch, &file->f_path, &fs->root)) scratch->record.event.flags |= WIRE_PATH_CUT;
  scratch->record.lengths[1] = scratch->at - before;
}

// Where a module comes from and what it is given.
static __always_inline void add_module_source(struct scratch* scratch, const struct call* call, __u32 name) {
  if (name == WIRE_CALL_FINIT_MODULE) add_module_file(scratch, call->arguments[0]);
  if (name == WIRE_CALL_FINIT_MODULE || name == WIRE_CALL_INIT_MODULE)
    add_argument(scratch, 2, call->arguments[name == WIRE_CALL_FINIT_MODULE ? 1 : 2]);
}

// Of calls that have failed: the others are told by the kernel's own hand.
static __always_inline int module_ended(const struct call* call, __u32 name) {
  if (call->result >= 0) return 0;
  struct scratch* const scratch = begin_call(call, name);
  if (!scratch) return 0;
  if (name == WIRE_CALL_DELETE_MODULE) add_argument(scratch, 0, call->arguments[0]);
  add_module_source(scratch, call, name);
  return end_call(call, scratch);
}
