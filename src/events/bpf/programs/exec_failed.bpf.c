// Execs that the kernel refuses.
#include "events/bpf/programs/calls.h"

RING(process_ring);

#define ARGUMENTS_MOST 32

static __always_inline int failed(const struct syscall_exit* context, __u32 call) {
  if (context->result >= 0) return 0;
  struct scratch* const scratch = begin_call(WIRE_PROGRAM_EXEC_FAILED, call, context->result);
  if (!scratch) return 0;
  struct wire_call* const record = &scratch->record;
  const bool at = call == WIRE_CALL_EXECVEAT;
  add_argument(scratch, 0, record->arguments[at ? 1 : 0]);
  struct task_struct* const task = bpf_get_current_task_btf();
  struct fs_struct* const fs = READ(task, fs);
  if (add_path(scratch, &fs->pwd, &fs->root)) record->event.flags |= WIRE_CWD_CUT;
  record->lengths[1] = scratch->at - record->lengths[0];
  const __u64* const arguments = (const __u64*)record->arguments[at ? 2 : 1];
  for (int i = 0; i <= ARGUMENTS_MOST; i++) {
    __u64 argument = 0;
    if (bpf_probe_read_user(&argument, sizeof(argument), arguments + i) || !argument) break;
    if (i == ARGUMENTS_MOST || !add_argument(scratch, 2, argument)) record->event.flags |= WIRE_ARGUMENTS_CUT;
  }
  return end_call(scratch, &process_ring);
}

SEC("tracepoint/syscalls/sys_exit_execve")
int sys_exit_execve(const struct syscall_exit* context) { return failed(context, WIRE_CALL_EXECVE); }

SEC("tracepoint/syscalls/sys_exit_execveat")
int sys_exit_execveat(const struct syscall_exit* context) { return failed(context, WIRE_CALL_EXECVEAT); }

char LICENSE[] SEC("license") = "GPL";
