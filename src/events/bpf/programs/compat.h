// The 32-bit way into the kernel, on x86.
#pragma once

#include "events/bpf/programs/registers.h"

#define TS_COMPAT 2U

static __always_inline bool is_compat(void) { return CURRENT(thread_info.status) & TS_COMPAT; }

// Whether the calls that a program on single ones' tracepoints tells are asked for.
static __always_inline bool is_told(__u32 program) {
  const struct wire_settings* const wanted = our_settings();
  return wanted && wanted->calls & 1U << program;
}

// Which of wire_call_name a number of i386 (arch/x86/entry/syscalls/syscall_32.tbl) is; WIRE_CALLS: none of these.
static __always_inline __u32 credentials_call(__u64 number) {
  switch (number) {
    case 23:  // with ids of 16 bits
    case 213:
      return WIRE_CALL_SETUID;
    case 70:
    case 203:
      return WIRE_CALL_SETREUID;
    case 164:
    case 208:
      return WIRE_CALL_SETRESUID;
    case 46:
    case 214:
      return WIRE_CALL_SETGID;
    case 71:
    case 204:
      return WIRE_CALL_SETREGID;
    case 170:
    case 210:
      return WIRE_CALL_SETRESGID;
    case 185:
      return WIRE_CALL_CAPSET;
    default:
      return WIRE_CALLS;
  }
}

static __always_inline __u32 namespace_call(__u64 number) {
  switch (number) {
    case 21:
      return WIRE_CALL_MOUNT;
    case 22:  // umount
    case 52:  // umount2
      return WIRE_CALL_UMOUNT;
    case 61:
      return WIRE_CALL_CHROOT;
    case 217:
      return WIRE_CALL_PIVOT_ROOT;
    case 310:
      return WIRE_CALL_UNSHARE;
    case 346:
      return WIRE_CALL_SETNS;
    case 429:
      return WIRE_CALL_MOVE_MOUNT;
    default:
      return WIRE_CALLS;
  }
}

static __always_inline bool is_exec(__u64 number) { return number == 11 || number == 358; }

static __always_inline __u32 module_call(__u64 number) {
  switch (number) {
    case 128:
      return WIRE_CALL_INIT_MODULE;
    case 129:
      return WIRE_CALL_DELETE_MODULE;
    case 350:
      return WIRE_CALL_FINIT_MODULE;
    default:
      return WIRE_CALLS;
  }
}
