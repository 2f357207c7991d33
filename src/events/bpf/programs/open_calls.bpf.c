// Files below watched paths that are opened for writing, by the ends of calls, for kernels that refuse opens.bpf.c:
// opens of 32-bit programs and of io_uring do not come by here.
#include "events/bpf/programs/opens.h"

static __always_inline int opened(const struct syscall_exit* context) {
  if (context->result < 0) return 0;
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct file* const file = file_of(task, context->result);
  if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE)) return 0;
  return opened_for_writing(file, WIRE_PROGRAM_OPEN_CALL);
}

#include "events/bpf/programs/open_ends.h"

SEC("tracepoint/syscalls/sys_exit_open_by_handle_at")
int sys_exit_open_by_handle_at(const struct syscall_exit* context) { return opened(context); }

char LICENSE[] SEC("license") = "GPL";
