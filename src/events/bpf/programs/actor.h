// Who does it: what a task_struct says of its process.
#pragma once

#include "events/bpf/programs/rings.h"

// Of tasks that the verifier knows: a program's arguments and what they lead to, and the current task on newer kernels.
// Loads from them need no call of a helper, which is two thirds of the time.
#define READ(...) ___arrow(__VA_ARGS__)
#define NAMED(name) name
#include "events/bpf/programs/actor_reads.h"
#undef READ
#undef NAMED

// Of others, which are mere numbers.
#define READ(...) BPF_CORE_READ(__VA_ARGS__)
#define NAMED(name) name##_number
#include "events/bpf/programs/actor_reads.h"
#undef READ
#undef NAMED

#define READ(...) ___arrow(__VA_ARGS__)

// Whether the current task can be had as one that the verifier knows. Programs of tracing can from 5.11 on, those of
// sockets from 5.15, as bpf_task_pt_regs.
static __always_inline bool is_current_known(void) {
  return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

// What the current task leads to.
#define CURRENT(...)                                                  \
  (is_current_known() ? READ(bpf_get_current_task_btf(), __VA_ARGS__) \
                      : BPF_CORE_READ((struct task_struct*)bpf_get_current_task(), __VA_ARGS__))

// Begins an event of the process that runs.
static __always_inline void begin_current(struct wire_event* event, __u16 kind, __u16 program) {
  if (is_current_known())
    begin(event, kind, program, bpf_get_current_task_btf());
  else
    begin_number(event, kind, program, (void*)bpf_get_current_task());
}
