// The calls of 32-bit programs and those made by int 0x80, by the functions that only these come by: they cost other
// calls nothing. Where a kernel refuses that, compat.bpf.c and compat_rights.bpf.c do the same.
#include "events/bpf/programs/compat_told.h"

// All who change their rights come by here first.
SEC("fentry/prepare_creds")
int BPF_PROG(prepare_creds) { return changes_credentials(name_here()) ? credentials_begin() : 0; }

#define CALL(name)           \
  SEC("fexit/__ia32_" #name) \
  int BPF_PROG(name, const struct pt_regs* registers, long result) { return compat_ended(result); }

CALL(sys_setuid)
CALL(sys_setuid16)
CALL(sys_setreuid)
CALL(sys_setreuid16)
CALL(sys_setresuid)
CALL(sys_setresuid16)
CALL(sys_setgid)
CALL(sys_setgid16)
CALL(sys_setregid)
CALL(sys_setregid16)
CALL(sys_setresgid)
CALL(sys_setresgid16)
CALL(sys_capset)
CALL(sys_unshare)
CALL(sys_setns)
CALL(sys_mount)
CALL(sys_umount)
CALL(sys_oldumount)
CALL(sys_move_mount)
CALL(sys_pivot_root)
CALL(sys_chroot)
CALL(sys_process_vm_readv)
CALL(sys_process_vm_writev)
CALL(sys_bpf)
CALL(sys_init_module)
CALL(sys_finit_module)
CALL(sys_delete_module)
CALL(compat_sys_ptrace)

char LICENSE[] SEC("license") = "GPL";
