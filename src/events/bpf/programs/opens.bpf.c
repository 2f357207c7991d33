// Files below watched paths that are opened for writing, by whatever call, where the kernel has decided that they may
// be.
#include "events/bpf/programs/opens.h"

SEC("fexit/security_file_open")
int BPF_PROG(security_file_open, struct file* file, int result) {
  return result == 0 && file->f_mode & FMODE_WRITE ? opened_for_writing(file, WIRE_PROGRAM_OPEN) : 0;
}

char LICENSE[] SEC("license") = "GPL";
