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
