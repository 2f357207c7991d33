// The other ways into the kernel, on x86: i386's calls (of 32-bit programs, and by int 0x80), and x32's.
#pragma once

#include "events/bpf/programs/registers.h"

// Whether the calls that a program on single ones' tracepoints tells are asked for.
static __always_inline bool is_told(__u32 program) {
  const struct wire_settings* const wanted = our_settings();
  return wanted && wanted->calls & 1U << program;
}

// Which of wire_call_name a number of i386 (arch/x86/entry/syscalls/syscall_32.tbl) is; WIRE_CALLS: none of these.
// Opens are those that may be of memory.
static __always_inline __u32 i386_call(__u64 number) {
  switch (number) {
    case 11:
      return WIRE_CALL_EXECVE;
    case 358:
      return WIRE_CALL_EXECVEAT;
    case 26:
      return WIRE_CALL_PTRACE;
    case 347:
      return WIRE_CALL_VM_READ;
    case 348:
      return WIRE_CALL_VM_WRITE;
    case 5:    // open
    case 8:    // creat
    case 295:  // openat
    case 437:  // openat2
      return WIRE_CALL_PROC_MEM;
    case 357:
      return WIRE_CALL_BPF;
    case 310:
      return WIRE_CALL_UNSHARE;
    case 346:
      return WIRE_CALL_SETNS;
    case 21:
      return WIRE_CALL_MOUNT;
    case 22:  // umount
    case 52:  // umount2
      return WIRE_CALL_UMOUNT;
    case 429:
      return WIRE_CALL_MOVE_MOUNT;
    case 217:
      return WIRE_CALL_PIVOT_ROOT;
    case 61:
      return WIRE_CALL_CHROOT;
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
    case 128:
      return WIRE_CALL_INIT_MODULE;
    case 350:
      return WIRE_CALL_FINIT_MODULE;
    case 129:
      return WIRE_CALL_DELETE_MODULE;
    default:
      return WIRE_CALLS;
  }
}

// The same of x32 (syscall_64.tbl), without its bit.
static __always_inline __u32 x32_call(__u64 number) {
  switch (number) {
    case 520:
      return WIRE_CALL_EXECVE;
    case 545:
      return WIRE_CALL_EXECVEAT;
    case 521:
      return WIRE_CALL_PTRACE;
    case 539:
      return WIRE_CALL_VM_READ;
    case 540:
      return WIRE_CALL_VM_WRITE;
    case 2:    // open
    case 85:   // creat
    case 257:  // openat
    case 437:  // openat2
      return WIRE_CALL_PROC_MEM;
    case 321:
      return WIRE_CALL_BPF;
    case 272:
      return WIRE_CALL_UNSHARE;
    case 308:
      return WIRE_CALL_SETNS;
    case 165:
      return WIRE_CALL_MOUNT;
    case 166:
      return WIRE_CALL_UMOUNT;
    case 429:
      return WIRE_CALL_MOVE_MOUNT;
    case 155:
      return WIRE_CALL_PIVOT_ROOT;
    case 161:
      return WIRE_CALL_CHROOT;
    case 105:
      return WIRE_CALL_SETUID;
    case 113:
      return WIRE_CALL_SETREUID;
    case 117:
      return WIRE_CALL_SETRESUID;
    case 106:
      return WIRE_CALL_SETGID;
    case 114:
      return WIRE_CALL_SETREGID;
    case 119:
      return WIRE_CALL_SETRESGID;
    case 126:
      return WIRE_CALL_CAPSET;
    case 175:
      return WIRE_CALL_INIT_MODULE;
    case 313:
      return WIRE_CALL_FINIT_MODULE;
    case 176:
      return WIRE_CALL_DELETE_MODULE;
    default:
      return WIRE_CALLS;
  }
}

// What the current task's call is, by its number; WIRE_CALLS: none of these, or the usual way into the kernel.
static __always_inline __u32 compat_call(__u64 number) {
  if (is_i386()) return i386_call(number);
  return is_x32(number) ? x32_call(number & ~X32_BIT) : WIRE_CALLS;
}

static __always_inline bool is_exec(__u32 name) { return name == WIRE_CALL_EXECVE || name == WIRE_CALL_EXECVEAT; }

static __always_inline bool is_about_modules(__u32 name) { return name >= WIRE_CALL_INIT_MODULE && name < WIRE_CALLS; }

static __always_inline bool changes_credentials(__u32 name) {
  return name >= WIRE_CALL_SETUID && name <= WIRE_CALL_CAPSET;
}
