// The 32-bit way into the kernel: which of its calls are told, as the programs on single calls' tracepoints do.
#pragma once

#include "events/bpf/programs/bpf_load.h"
#include "events/bpf/programs/compat.h"
#include "events/bpf/programs/credentials.h"
#include "events/bpf/programs/exec_failed.h"
#include "events/bpf/programs/modules.h"
#include "events/bpf/programs/namespaces.h"
#include "events/bpf/programs/ptrace.h"

// Whatever is told: this ring is there anyhow.
RING(process_ring);

static __always_inline struct call compat_call(long result) {
  const struct pt_regs* const registers = registers_here();
  const struct call call = {
      .program = WIRE_PROGRAM_COMPAT,
      .compat = true,
      .ring = &process_ring,
      .number = REGISTER(registers, orig_ax),
      .result = result,
      .arguments = {(__u32)REGISTER(registers, bx), (__u32)REGISTER(registers, cx), (__u32)REGISTER(registers, dx),
                    (__u32)REGISTER(registers, si), (__u32)REGISTER(registers, di)},
  };
  return call;
}

// Tells what it is that the current task has done. Functions of their own, that the verifier looks at once.
__noinline int compat_exec_ended(long result) {
  const struct call call = compat_call(result);
  if (!is_told(WIRE_PROGRAM_EXEC_FAILED)) return 0;
  return exec_ended(&call, call.number == 11 ? WIRE_CALL_EXECVE : WIRE_CALL_EXECVEAT);
}

static __always_inline int told(struct call* call, __u64 number) {
  const __u32 rights = credentials_call(number);
  if (rights != WIRE_CALLS) return is_told(WIRE_PROGRAM_CREDENTIALS) ? credentials_ended(call, rights) : 0;
  const __u32 namespaces = namespace_call(number);
  if (namespaces != WIRE_CALLS) {
    if (!is_told(WIRE_PROGRAM_NAMESPACE)) return 0;
    if (number == 22) call->arguments[1] = 0;  // umount has no flags
    return namespace_call_ended(call, namespaces);
  }
  const __u32 modules = module_call(number);
  if (modules != WIRE_CALLS) return is_told(WIRE_PROGRAM_MODULE_CALL) ? module_ended(call, modules) : 0;
  switch (number) {
    case 5:    // open
    case 8:    // creat
    case 295:  // openat
    case 437:  // openat2
      return is_told(WIRE_PROGRAM_PTRACE) ? memory_open_ended(call) : 0;
    case 26:
      return is_told(WIRE_PROGRAM_PTRACE) ? ptrace_ended(call) : 0;
    case 347:
      return is_told(WIRE_PROGRAM_PTRACE) ? copy_ended(call, WIRE_CALL_VM_READ) : 0;
    case 348:
      return is_told(WIRE_PROGRAM_PTRACE) ? copy_ended(call, WIRE_CALL_VM_WRITE) : 0;
    case 357:
      return is_told(WIRE_PROGRAM_BPF_LOAD) ? bpf_ended(call) : 0;
    default:
      return 0;
  }
}

__noinline int compat_ended(long result) {
  struct call call = compat_call(result);
  return told(&call, call.number);
}
