// From what a task holds, and from where a file lies, to the kernel's structures.
#pragma once

#include "events/bpf/programs/types.h"

#define FMODE_WRITE 2U
#define O_ACCMODE 3

// What is open as `descriptor`, which the task has; NULL: nothing that can be read.
static __always_inline struct file* file_of(struct task_struct* task, __s32 descriptor) {
  struct file* file = NULL;
  bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(task, files, fdt, fd) + descriptor);
  return file;
}

static __always_inline struct mount* mount_of(struct vfsmount* mount) {
  return (void*)mount - bpf_core_field_offset(struct mount, mnt);
}
