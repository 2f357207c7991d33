// What the current task had in its registers when it entered the kernel: which call it is in, and what that was given
// (x86-64).
#pragma once

#include "events/bpf/programs/actor.h"

// Before 5.15 no helper tells where they are: at the upper end of the task's stack (task_pt_regs() of
// arch/x86/include/asm/processor.h), which is twice as large with KASAN.
static __always_inline const struct pt_regs* registers_here(void) {
  if (is_current_known()) return (void*)bpf_task_pt_regs(bpf_get_current_task_btf());
  struct task_struct* const task = (void*)bpf_get_current_task();
  const __u64 size = bpf_core_field_exists(task->kasan_depth) ? 32768 : 16384;
  return BPF_CORE_READ(task, stack) + size - bpf_core_type_size(struct pt_regs);
}

#define REGISTER(registers, name) (is_current_known() ? (registers)->name : BPF_CORE_READ(registers, name))

#define TS_COMPAT 2U
#define X32_BIT 0x40000000U  // set in the numbers of x32's calls

// The number of the call that the current task is in; all bits set: not known, on others than x86.
static __always_inline __u64 number_here(void) {
  const struct pt_regs* const registers = registers_here();
  return bpf_core_field_exists(registers->orig_ax) ? REGISTER(registers, orig_ax) : ~0ULL;
}

static __always_inline bool is_i386(void) {
  struct task_struct* const task = NULL;
  return bpf_core_field_exists(task->thread_info.status) && CURRENT(thread_info.status) & TS_COMPAT;
}

static __always_inline bool is_x32(__u64 number) { return number >> 30 == 1; }

// Of the current task's call, or as it execs, of its new image, as a flag of its event: WIRE_COMPAT, WIRE_X32; 0: the
// usual way into the kernel.
static __always_inline __u32 way_here(void) { return is_i386() ? WIRE_COMPAT : is_x32(number_here()) ? WIRE_X32 : 0; }
