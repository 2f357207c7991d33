// System calls as they return. The arguments are in the registers still (x86).
//
// The calls of 32-bit programs, int 0x80 and x32 have programs of their own: each NAME.bpf.c on single calls has a
// NAME.h with what is told, which compat_told.h has for those.
#pragma once

#define RECORD struct wire_call
#define SCRATCH call_scratch
#define TEXT_LIMIT 24576U
#define TEXT_LAST WIRE_PATH_MOST

#include "events/bpf/programs/call_ends.h"
#include "events/bpf/programs/registers.h"
#include "events/bpf/programs/texts.h"

struct call {
  __u16 program;  // whose counters it goes to
  __u32 way;      // WIRE_COMPAT, WIRE_X32: its pointers are 32 bits; 0: the usual one
  void* ring;
  __s64 result;
  __u64 arguments[5];
};

static __always_inline void read_arguments(struct call* call, const struct pt_regs* registers) {
  call->arguments[0] = REGISTER(registers, di);
  call->arguments[1] = REGISTER(registers, si);
  call->arguments[2] = REGISTER(registers, dx);
  call->arguments[3] = REGISTER(registers, r10);
  call->arguments[4] = REGISTER(registers, r8);
}

// What a program on a call's end is about.
static __always_inline struct call ended(long result, __u16 program, void* ring) {
  struct call call = {.program = program, .ring = ring, .result = result};
  read_arguments(&call, registers_here());
  return call;
}

// `tell`: a function of the call, and of what else is given.
#define ON_USUAL_CALL_END(name, program, ring, tell, ...)     \
  static __always_inline int usual_##name(long result) {      \
    if (is_x32(number_here())) return 0;                      \
    const struct call call = ended(result, program, &(ring)); \
    return tell(&call __VA_OPT__(, ) __VA_ARGS__);            \
  }                                                           \
  ON_CALL_END(name, usual_##name(result))

// Who has a processor's scratch: programs at functions can be preempted amid it, by a task whose call needs it too.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);  // the number of processors
  __type(key, __u32);
  __type(value, __u32);
} call_claims SEC(".maps");

// Room for a call's record with what all have, or nothing where it is not to be told. What has some ends with end_call.
static __always_inline struct scratch* begin_call(const struct call* call, __u32 name) {
  struct wire_counters* const counts = counters_of(call->program);
  const struct wire_settings* const wanted = our_settings();
  if (!counts || !wanted) return NULL;
  counts->seen++;
  if (wanted->self == bpf_get_current_pid_tgid() >> 32) {
    counts->filtered++;
    return NULL;
  }
  const __u32 processor = bpf_get_smp_processor_id();
  struct scratch* const scratch = scratch_here();
  if (!scratch || bpf_map_update_elem(&call_claims, &processor, &processor, BPF_NOEXIST)) {
    counts->unread++;
    return NULL;
  }
  struct wire_call* const record = &scratch->record;
  __builtin_memset(record, 0, sizeof(*record));
  begin_current(&record->event, WIRE_CALL, call->program);
  record->event.flags |= call->way;
  record->result = call->result;
  record->call = name;
  __builtin_memcpy(record->arguments, call->arguments, sizeof(record->arguments));
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

static __always_inline int end_call(const struct call* call, struct scratch* scratch) {
  struct wire_counters* const counts = counters_of(call->program);
  const __u32 processor = bpf_get_smp_processor_id();
  const __u64 size = place(scratch);
  if (counts && size <= sizeof(scratch->text))
    give(call->ring, counts, scratch, sizeof(scratch->record) + size, 0);
  else if (counts)
    counts->unread++;
  bpf_map_delete_elem(&call_claims, &processor);
  return 0;
}
