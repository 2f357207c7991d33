// Programs on single system calls, each in two ways, of which src/modules/bpf.cpp loads one: at the call's function,
// for kernels that take fentry, which costs other calls nothing; and on its tracepoint, for which all calls of
// everybody take the long way in and out. The functions are x32's too, the tracepoints are not; neither are those of
// 32-bit programs and int 0x80.
//
// A call that a process is in when its function's program is attached is not seen to end: not for those that wait long.
#pragma once

#include "events/bpf/programs/types.h"

#define ON_CALL_BEGIN(name, tell)                                                  \
  SEC("fentry/__x64_sys_" #name)                                                   \
  int BPF_PROG(x64_enter_##name, const struct pt_regs* registers) { return tell; } \
  SEC("tracepoint/syscalls/sys_enter_" #name)                                      \
  int sys_enter_##name(void* context) { return tell; }

// `tell`: with `result`.
#define ON_CALL_END(name, tell)                                                                \
  SEC("fexit/__x64_sys_" #name)                                                                \
  int BPF_PROG(x64_exit_##name, const struct pt_regs* registers, long result) { return tell; } \
  SEC("tracepoint/syscalls/sys_exit_" #name)                                                   \
  int sys_exit_##name(const struct syscall_exit* context) {                                    \
    const long result = context->result;                                                       \
    return tell;                                                                               \
  }
