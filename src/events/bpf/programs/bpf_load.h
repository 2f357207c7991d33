// Programs that others load into the kernel and attach there.
#pragma once

#include "events/bpf/programs/calls.h"

static __always_inline void read_program(struct scratch* scratch, __s64 descriptor) {
  struct wire_call* const record = &scratch->record;
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct bpf_prog* const program = BPF_CORE_READ(file_of(task, descriptor), private_data);
  struct bpf_prog_aux* const more = BPF_CORE_READ(program, aux);
  record->program_id = BPF_CORE_READ(more, id);
  record->program_type = BPF_CORE_READ(program, type);
  bpf_core_read(record->program_name, sizeof(record->program_name), &more->name);
  bpf_core_read(record->program_tag, sizeof(record->program_tag), &program->tag);
  const char* const target = BPF_CORE_READ(more, attach_func_name);
  if (!target || !add(scratch, target, 256)) return;
  record->lengths[0] = scratch->at;
}

// As they were given, and may have been changed since: the kernel keeps what it made of them, where calls are
// addresses.
static __always_inline void read_instructions(struct scratch* scratch) {
  struct {
    __u32 type, count;
    __u64 instructions;
  } given;  // union bpf_attr of linux/bpf.h
  if (bpf_probe_read_user(&given, sizeof(given), (const void*)scratch->record.arguments[1])) return;
  const __u64 at = place(scratch);
  if (at > TEXT_LIMIT - WIRE_INSTRUCTIONS_MOST) return;
  __u64 size = (__u64)given.count * 8;
  if (size > WIRE_INSTRUCTIONS_MOST) size = WIRE_INSTRUCTIONS_MOST;
  barrier_var(size);
  if (size > WIRE_INSTRUCTIONS_MOST) return;
  if (bpf_probe_read_user(scratch->text + at, size, (const void*)given.instructions)) return;
  scratch->at = at + size;
  scratch->record.lengths[1] = size;
}

// Where union bpf_attr (linux/bpf.h) has the program's descriptor, by command.
static __always_inline int place_of_program(__u64 command) {
  switch (command) {
    case BPF_PROG_ATTACH:
      return 4;
    case BPF_LINK_CREATE:
      return 0;
    case BPF_RAW_TRACEPOINT_OPEN:
      return 8;
    default:
      return -1;
  }
}

static __always_inline int bpf_ended(const struct call* call) {
  const __u64 command = call->arguments[0];
  const int place = place_of_program(command);
  if (command != BPF_PROG_LOAD && place < 0) return 0;
  struct scratch* const scratch = begin_call(call, WIRE_CALL_BPF);
  if (!scratch) return 0;
  __s32 descriptor = call->result;
  if (command != BPF_PROG_LOAD &&
      bpf_probe_read_user(&descriptor, sizeof(descriptor), (const void*)(scratch->record.arguments[1] + place)))
    descriptor = -1;
  if (call->result >= 0 && descriptor >= 0) read_program(scratch, descriptor);
  if (call->result >= 0 && command == BPF_PROG_LOAD) read_instructions(scratch);
  return end_call(call, scratch);
}
