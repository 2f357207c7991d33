// Every process that there is: what the process tree begins with.
#define TYPED_TASKS
#define RECORD struct wire_task
#define SCRATCH task_scratch
#define TEXT_LIMIT 8192U
#define TEXT_LAST WIRE_PATH_MOST

#include "events/bpf/programs/texts.h"

SEC("iter/task")
int tasks(struct bpf_iter__task* context) {
  struct task_struct* const task = context->task;
  if (!task || task->pid != task->tgid) return 0;
  struct scratch* const scratch = scratch_here();
  if (!scratch) return 0;
  struct wire_task* const record = &scratch->record;
  begin(&record->event, WIRE_TASK, WIRE_PROGRAMS, task);
  scratch->at = 0;
  struct file* const file = BPF_CORE_READ(task, mm, exe_file);
  if (file) {
    record->event.flags |= marks_of(file);
    struct fs_struct* const fs = BPF_CORE_READ(task, fs);
    if (record->event.flags & WIRE_MEMFD)
      add(scratch, BPF_CORE_READ(file, f_path.dentry, d_name.name), 256);
    else if (add_path(scratch, &file->f_path, &fs->root))
      record->event.flags |= WIRE_PATH_CUT;
  }
  record->path = scratch->at;
  add_group(scratch, task);
  record->cgroup = scratch->at - record->path;
  record->tty[0] = 0;
  struct tty_struct* const tty = BPF_CORE_READ(task, signal, tty);
  if (tty) bpf_probe_read_kernel_str(record->tty, sizeof(record->tty), &tty->name);
  const __u64 size = place(scratch);
  if (size <= sizeof(scratch->text)) bpf_seq_write(context->meta->seq, scratch, sizeof(*record) + size);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
