// A process has a new image: all that the kernel knows of it, at a point where the arguments lie in the new image's
// memory and nothing of it has run.
#define RECORD struct wire_exec
#define SCRATCH exec_scratch
#define TEXT_LIMIT 57344U
#define TEXT_LAST WIRE_TEXT_MOST

#include "events/bpf/programs/registers.h"
#include "events/bpf/programs/texts.h"

RING(process_ring);

// Adds `size` bytes of the new image. False: its pages are not resident.
static __always_inline bool add_user(struct scratch* scratch, unsigned long from, __u64 size) {
  const __u64 at = place(scratch);
  if (at > TEXT_LIMIT) return false;
  if (size > WIRE_TEXT_MOST) size = WIRE_TEXT_MOST;
  barrier_var(size);
  if (size > WIRE_TEXT_MOST) return false;
  if (bpf_probe_read_user(scratch->text + at, size, (const void*)from)) return false;
  scratch->at = at + size;
  return true;
}

static __always_inline void read_file(struct wire_exec* exec, struct file* file) {
  struct inode* const inode = READ(file, f_inode);
  struct wire_file* const out = &exec->file;
  out->inode = READ(inode, i_ino);
  out->device = READ(inode, i_sb, s_dev);
  out->mode = READ(inode, i_mode);
  out->uid = READ(inode, i_uid.val);
  out->gid = READ(inode, i_gid.val);
  out->size = READ(inode, i_size);
  if (bpf_core_field_exists(inode->i_atime_sec)) {
    out->atime = READ(inode, i_atime_sec);
    out->mtime = READ(inode, i_mtime_sec);
    out->ctime = READ(inode, i_ctime_sec);
  } else {
    struct inode___before_6_11* const before = (void*)inode;
    struct inode___6_6* const between = (void*)inode;
    out->atime = bpf_core_field_exists(before->i_atime) ? BPF_CORE_READ(before, i_atime.tv_sec)
                                                        : BPF_CORE_READ(between, __i_atime.tv_sec);
    out->mtime = bpf_core_field_exists(before->i_mtime) ? BPF_CORE_READ(before, i_mtime.tv_sec)
                                                        : BPF_CORE_READ(between, __i_mtime.tv_sec);
    out->ctime = bpf_core_field_exists(before->i_ctime) ? BPF_CORE_READ(before, i_ctime.tv_sec)
                                                        : BPF_CORE_READ(between, __i_ctime.tv_sec);
  }
  exec->event.flags |= marks_of(file);
}

static __always_inline void read_stream(struct wire_stream* stream, struct fdtable* table, int descriptor) {
  __builtin_memset(stream, 0, sizeof(*stream));
  struct file* file = NULL;
  bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + descriptor);
  if (!file) return;
  struct inode* const inode = BPF_CORE_READ(file, f_inode);
  stream->mode = BPF_CORE_READ(inode, i_mode);
  stream->device = BPF_CORE_READ(inode, i_rdev);
  if ((stream->mode & 0170000) != 0140000) return;
  struct socket* const socket = BPF_CORE_READ(file, private_data);
  struct sock* const sock = BPF_CORE_READ(socket, sk);
  stream->family = BPF_CORE_READ(sock, __sk_common.skc_family);
  if (stream->family == 2)
    bpf_core_read(stream->address, 4, &sock->__sk_common.skc_daddr);
  else if (stream->family == 10)
    bpf_core_read(stream->address, 16, &sock->__sk_common.skc_v6_daddr);
  else
    return;
  stream->port = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
}

static __always_inline void read_namespaces(struct wire_exec* exec, struct task_struct* task) {
  exec->mount_namespace = READ(task, nsproxy, mnt_ns, ns.inum);
  exec->network_namespace = READ(task, nsproxy, net_ns, ns.inum);
  exec->user_namespace = READ(task, cred, user_ns, ns.inum);
  struct pid* const pid = BPF_CORE_READ(task, thread_pid);  // as a number: it is reckoned with
  const void* const innermost = (void*)pid + bpf_core_field_offset(struct pid, numbers) +
                                BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid);
  exec->pid_namespace = BPF_CORE_READ((struct upid*)innermost, ns, ns.inum);
}

static __always_inline __u64 permitted_by(const struct cred* cred) {
  __u64 capabilities = 0;
  bpf_core_read(&capabilities, sizeof(capabilities), &cred->cap_permitted);
  return capabilities;
}

// Who called opened the file: that has its rights still.
static __always_inline void read_rights_before(struct wire_exec* exec, struct file* file, const struct cred* now) {
  const struct cred* const before = READ(file, f_cred);
  exec->event.flags |= permitted_by(now) & ~permitted_by(before) ? WIRE_SECURE | WIRE_GAINED : WIRE_SECURE;
  ids_of(&exec->before, before);
  bpf_core_read(&exec->old_capabilities, sizeof(exec->old_capabilities), &before->cap_effective);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct* task, int old_pid, struct linux_binprm* bprm) {
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_EXEC);
  const struct wire_settings* const wanted = our_settings();
  struct scratch* const scratch = scratch_here();
  if (!counts || !wanted) return 0;
  counts->seen++;
  if (!scratch) {
    counts->unread++;
    return 0;
  }
  struct wire_exec* const exec = &scratch->record;
  begin(&exec->event, WIRE_EXEC, WIRE_PROGRAM_EXEC, task);
  scratch->at = 0;

  exec->event.flags |= way_here();
  struct linux_binprm___5_9* const newer = (void*)bprm;
  if (bpf_core_field_exists(newer->fdpath) && BPF_CORE_READ(newer, fdpath)) exec->event.flags |= WIRE_EXECVEAT;
  exec->arguments = READ(bprm, argc);
  exec->variables = READ(bprm, envc);
  const struct cred* const cred = READ(task, cred);
  bpf_core_read(&exec->capabilities, sizeof(exec->capabilities), &cred->cap_effective);
  read_namespaces(exec, task);
  struct file* const file = READ(bprm, file);
  read_file(exec, file);
  if (BPF_CORE_READ_BITFIELD(bprm, secureexec)) read_rights_before(exec, file, cred);
  struct fdtable* const table = READ(task, files, fdt);
  read_stream(&exec->streams[0], table, 0);
  read_stream(&exec->streams[1], table, 1);
  read_stream(&exec->streams[2], table, 2);
  exec->tty[0] = 0;
  struct tty_struct* const tty = READ(task, signal, tty);
  if (tty) bpf_probe_read_kernel_str(exec->tty, sizeof(exec->tty), &tty->name);

  __u64 before = 0;
#define ENDS(text)                            \
  exec->lengths[text] = scratch->at - before; \
  before = scratch->at

  const char* const filename = READ(bprm, filename);
  if (READ(bprm, interp) != filename) exec->event.flags |= WIRE_SCRIPT;
  add(scratch, filename, WIRE_PATH_MOST);
  ENDS(WIRE_FILENAME);
  struct fs_struct* const fs = READ(task, fs);
  struct path* const root = &fs->root;
  if (exec->event.flags & WIRE_MEMFD)
    add(scratch, BPF_CORE_READ(file, f_path.dentry, d_name.name), 256);
  else if (add_path(scratch, &file->f_path, root))
    exec->event.flags |= WIRE_PATH_CUT;
  ENDS(WIRE_PATH);
  if (add_path(scratch, &fs->pwd, root)) exec->event.flags |= WIRE_CWD_CUT;
  ENDS(WIRE_CWD);
  add_group(scratch, task);
  ENDS(WIRE_CGROUP);
  const unsigned long arguments = READ(task, mm, arg_start);
  exec->arguments_size = READ(task, mm, arg_end) - arguments;
  if (exec->arguments_size > WIRE_TEXT_MOST) exec->event.flags |= WIRE_ARGUMENTS_CUT;
  if (!add_user(scratch, arguments, exec->arguments_size)) exec->event.flags |= WIRE_ARGUMENTS_UNREAD;
  ENDS(WIRE_ARGUMENTS);
  const unsigned long environment = READ(task, mm, env_start);
  exec->environment_size = READ(task, mm, env_end) - environment;
  if (wanted->environment) add_user(scratch, environment, exec->environment_size);
  ENDS(WIRE_ENVIRONMENT);
  exec->reserved = 0;

  __u64 size = place(scratch);
  if (size > sizeof(scratch->text)) {
    counts->unread++;
    return 0;
  }
  size += sizeof(*exec);
  if (!give(&process_ring, counts, scratch, size, 0)) return 0;
  if (exec->event.flags & WIRE_ARGUMENTS_CUT) counts->arguments_cut++;
  if (exec->event.flags & WIRE_ARGUMENTS_UNREAD) counts->arguments_unread++;
  if (exec->event.flags & WIRE_PATH_CUT) counts->path_cut++;
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
