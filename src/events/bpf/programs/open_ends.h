// The ends of calls that may have opened a file for writing, for a program that defines opened() before it includes
// this. Others return at once, where the flags of their call are known.
#pragma once

#include "events/bpf/programs/files.h"
#include "events/bpf/programs/registers.h"

SEC("tracepoint/syscalls/sys_exit_open")
int sys_exit_open(const struct syscall_exit* context) {
  const struct pt_regs* const registers = registers_here();
  return REGISTER(registers, si) & O_ACCMODE ? opened(context) : 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int sys_exit_openat(const struct syscall_exit* context) {
  const struct pt_regs* const registers = registers_here();
  return REGISTER(registers, dx) & O_ACCMODE ? opened(context) : 0;
}

SEC("tracepoint/syscalls/sys_exit_creat")
int sys_exit_creat(const struct syscall_exit* context) { return opened(context); }

// Its flags lie in the caller's memory.
SEC("tracepoint/syscalls/sys_exit_openat2")
int sys_exit_openat2(const struct syscall_exit* context) { return opened(context); }
