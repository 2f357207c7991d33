// Execs that the kernel refuses.
#pragma once

#include "events/bpf/programs/calls.h"

#define ARGUMENTS_MOST 32

static __always_inline int exec_ended(const struct call* call, __u32 name) {
  if (call->result >= 0) return 0;
  struct scratch* const scratch = begin_call(call, name);
  if (!scratch) return 0;
  struct wire_call* const record = &scratch->record;
  const bool at = name == WIRE_CALL_EXECVEAT;
  add_argument(scratch, 0, record->arguments[at ? 1 : 0]);
  struct fs_struct* const fs = CURRENT(fs);
  if (add_path(scratch, &fs->pwd, &fs->root)) record->event.flags |= WIRE_CWD_CUT;
  record->lengths[1] = scratch->at - record->lengths[0];
  const __u64 arguments = record->arguments[at ? 2 : 1];
  const __u32 width = call->way ? 4 : 8;
  for (int i = 0; i <= ARGUMENTS_MOST; i++) {
    __u64 argument = 0;
    if (bpf_probe_read_user(&argument, width, (const void*)(arguments + i * width)) || !argument) break;
    if (i == ARGUMENTS_MOST || !add_argument(scratch, 2, argument)) record->event.flags |= WIRE_ARGUMENTS_CUT;
  }
  return end_call(call, scratch);
}
