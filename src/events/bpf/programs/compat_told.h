// The other ways into the kernel: which of their calls are told, as the programs on single calls' tracepoints do.
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

static __always_inline __u32 name_here(void) { return compat_call(number_here()); }

static __always_inline struct call call_here(long result) {
  const struct pt_regs* const registers = registers_here();
  struct call call = {.program = WIRE_PROGRAM_COMPAT, .way = way_here(), .ring = &process_ring, .result = result};
  if (call.way == WIRE_COMPAT) {
    call.arguments[0] = (__u32)REGISTER(registers, bx);
    call.arguments[1] = (__u32)REGISTER(registers, cx);
    call.arguments[2] = (__u32)REGISTER(registers, dx);
    call.arguments[3] = (__u32)REGISTER(registers, si);
    call.arguments[4] = (__u32)REGISTER(registers, di);
    if (REGISTER(registers, orig_ax) == 22) call.arguments[1] = 0;  // umount has no flags
  } else {
    read_arguments(&call, registers);
  }
  return call;
}

// Tells what it is that the current task has done. Functions of their own, that the verifier looks at once.
__noinline int compat_exec_ended(long result) {
  const struct call call = call_here(result);
  return is_told(WIRE_PROGRAM_EXEC_FAILED) ? exec_ended(&call, name_here()) : 0;
}

static __always_inline int told(struct call* call, __u32 name) {
  switch (name) {
    case WIRE_CALL_PTRACE:
      return is_told(WIRE_PROGRAM_PTRACE) ? ptrace_ended(call) : 0;
    case WIRE_CALL_VM_READ:
    case WIRE_CALL_VM_WRITE:
      return is_told(WIRE_PROGRAM_PTRACE) ? copy_ended(call, name) : 0;
    case WIRE_CALL_PROC_MEM:
      return is_told(WIRE_PROGRAM_MEMORY_OPEN_CALL) ? memory_open_ended(call) : 0;
    case WIRE_CALL_BPF:
      return is_told(WIRE_PROGRAM_BPF_LOAD) ? bpf_ended(call) : 0;
    default:
      if (is_about_modules(name)) return is_told(WIRE_PROGRAM_MODULE_CALL) ? module_ended(call, name) : 0;
      if (changes_credentials(name)) return is_told(WIRE_PROGRAM_CREDENTIALS) ? credentials_ended(call, name) : 0;
      return is_told(WIRE_PROGRAM_NAMESPACE) ? namespace_call_ended(call, name) : 0;
  }
}

__noinline int compat_ended(long result) {
  struct call call = call_here(result);
  const __u32 name = name_here();
  return name == WIRE_CALLS || is_exec(name) ? 0 : told(&call, name);
}
