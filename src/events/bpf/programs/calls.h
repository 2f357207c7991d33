// System calls as they return, by the tracepoints of single ones: calls of 32-bit programs and int 0x80 do not come by
// there. The arguments are in the registers still (x86), which a program can have from 5.15 on.
#pragma once

#define RECORD struct wire_call
#define SCRATCH call_scratch
#define TEXT_LIMIT 24576U
#define TEXT_LAST WIRE_PATH_MOST

#include "events/bpf/programs/texts.h"

// Room for a call's record with what all have, or nothing where it is not to be told.
static __always_inline struct scratch* begin_call(__u16 program, __u32 call, __s64 result) {
  struct wire_counters* const counts = counters_of(program);
  const struct wire_settings* const wanted = our_settings();
  if (!counts || !wanted) return NULL;
  counts->seen++;
  if (wanted->self == bpf_get_current_pid_tgid() >> 32) {
    counts->filtered++;
    return NULL;
  }
  struct scratch* const scratch = scratch_here();
  if (!scratch) {
    counts->unread++;
    return NULL;
  }
  struct task_struct* const task = bpf_get_current_task_btf();
  struct wire_call* const record = &scratch->record;
  __builtin_memset(record, 0, sizeof(*record));
  begin_current(&record->event, WIRE_CALL, program);
  const struct pt_regs* const registers = (void*)bpf_task_pt_regs(task);
  record->result = result;
  record->call = call;
  record->arguments[0] = BPF_CORE_READ(registers, di);
  record->arguments[1] = BPF_CORE_READ(registers, si);
  record->arguments[2] = BPF_CORE_READ(registers, dx);
  record->arguments[3] = BPF_CORE_READ(registers, r10);
  record->arguments[4] = BPF_CORE_READ(registers, r8);
  scratch->at = 0;
  return scratch;
}

// Adds a text of the caller's memory as the record's `which`th; texts come in their order. False: not the whole of it.
static __always_inline bool add_argument(struct scratch* scratch, int which, __u64 address) {
  const __u64 at = place(scratch);
  if (!address) return true;
  if (at > TEXT_LIMIT) return false;
  const long size = bpf_probe_read_user_str(scratch->text + at, WIRE_PATH_MOST, (const void*)address);
  if (size <= 0) return false;
  scratch->at = at + size;
  scratch->record.lengths[which] += size;
  return size < WIRE_PATH_MOST;
}

static __always_inline int end_call(struct scratch* scratch, void* ring) {
  struct wire_counters* const counts = counters_of(scratch->record.event.program);
  if (!counts) return 0;
  __u64 size = place(scratch);
  if (size > sizeof(scratch->text)) {
    counts->unread++;
    return 0;
  }
  size += sizeof(scratch->record);
  if (bpf_ringbuf_output(ring, scratch, size, wake_up(ring)))
    counts->ring_full++;
  else
    counts->sent++;
  return 0;
}
