// Files below watched paths that are opened for writing.
#pragma once

#include "events/bpf/programs/actor.h"
#include "events/bpf/programs/files.h"

#define S_IFMT 0170000
#define S_IFREG 0100000

RING(file_ring);

// What the watched paths begin with, "/etc/ssh": bits, not bytes. What is told is weighed again by their patterns.
struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, WIRE_PREFIXES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct wire_prefix);
  __type(value, __u8);
} watched_prefixes SEC(".maps");

struct open_scratch {
  struct wire_open record;
  char path[WIRE_PATH_MOST];
  // Paths are put together from their ends; what is behind stays empty.
  char built[WIRE_PATH_MOST + WIRE_PREFIX_MOST + 256];
  struct wire_prefix prefix;
  struct dentry* dentry;
  struct vfsmount* mount;
  __u64 at;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);  // the number of processors
  __type(key, __u32);
  __type(value, struct open_scratch);
} open_scratch SEC(".maps");

static __always_inline struct open_scratch* open_scratch_here(void) {
  const __u32 processor = bpf_get_smp_processor_id();
  return bpf_map_lookup_elem(&open_scratch, &processor);
}

static __always_inline bool is_host_root(struct dentry* dentry, const struct wire_settings* wanted) {
  struct inode* const inode = BPF_CORE_READ(dentry, d_inode);
  return BPF_CORE_READ(inode, i_ino) == wanted->root_inode && BPF_CORE_READ(inode, i_sb, s_dev) == wanted->root_device;
}

// Puts together the path from the dentry up to the host's root, not the caller's. 0: it is complete. A function of its
// own, that the verifier looks at once.
__noinline int build_path(void) {
  struct open_scratch* const scratch = open_scratch_here();
  const struct wire_settings* const wanted = our_settings();
  if (!scratch || !wanted) return 1;
  for (int i = 0; i < WIRE_COMPONENTS; i++) {
    struct dentry* const dentry = scratch->dentry;
    struct vfsmount* const mount = scratch->mount;
    if (dentry == BPF_CORE_READ(mount, mnt_root)) {
      if (is_host_root(dentry, wanted)) return 0;
      struct mount* const mounted = mount_of(mount);
      struct mount* const parent = BPF_CORE_READ(mounted, mnt_parent);
      if (parent == mounted) return 1;
      scratch->dentry = BPF_CORE_READ(mounted, mnt_mountpoint);
      scratch->mount = (void*)parent + bpf_core_field_offset(struct mount, mnt);
      continue;
    }
    struct dentry* const parent = BPF_CORE_READ(dentry, d_parent);
    __u64 size = BPF_CORE_READ(dentry, d_name.len);
    if (parent == dentry || size > 255) return 1;
    __u64 at = scratch->at - size - 1;
    barrier_var(at);
    barrier_var(size);
    if (at >= WIRE_PATH_MOST || size > 255) return 1;
    scratch->built[at] = '/';
    bpf_probe_read_kernel(scratch->built + at + 1, size, BPF_CORE_READ(dentry, d_name.name));
    scratch->at = at;
    scratch->dentry = parent;
  }
  return 1;
}

// Called for what has been opened for writing.
static __always_inline int opened_for_writing(struct file* file, __u16 program) {
  struct inode* const inode = BPF_CORE_READ(file, f_inode);
  const __u32 mode = BPF_CORE_READ(inode, i_mode);
  if ((mode & S_IFMT) != S_IFREG) return 0;
  const struct wire_settings* const wanted = our_settings();
  struct open_scratch* const scratch = open_scratch_here();
  if (!wanted || !scratch) return 0;
  scratch->dentry = BPF_CORE_READ(file, f_path.dentry);
  scratch->mount = BPF_CORE_READ(file, f_path.mnt);
  scratch->at = WIRE_PATH_MOST;
  if (build_path()) return 0;
  __u64 at = scratch->at;
  barrier_var(at);
  if (at >= WIRE_PATH_MOST) return 0;
  __u64 size = WIRE_PATH_MOST - at;
  scratch->prefix.bits = 8 * (size < WIRE_PREFIX_MOST ? size : WIRE_PREFIX_MOST);
  bpf_probe_read_kernel(scratch->prefix.text, WIRE_PREFIX_MOST, scratch->built + at);
  if (!bpf_map_lookup_elem(&watched_prefixes, &scratch->prefix)) return 0;

  struct wire_counters* const counts = counters_of(program);
  if (!counts) return 0;
  counts->seen++;
  if (wanted->self == bpf_get_current_pid_tgid() >> 32) {
    counts->filtered++;
    return 0;
  }
  struct wire_open* const record = &scratch->record;
  begin_current(&record->event, WIRE_OPEN, program);
  record->inode = BPF_CORE_READ(inode, i_ino);
  record->device = BPF_CORE_READ(inode, i_sb, s_dev);
  record->file_size = BPF_CORE_READ(inode, i_size);
  record->mode = mode;
  record->uid = BPF_CORE_READ(inode, i_uid.val);
  record->gid = BPF_CORE_READ(inode, i_gid.val);
  record->path = size;
  record->reserved = 0;
  barrier_var(size);
  if (size > WIRE_PATH_MOST) return 0;
  bpf_probe_read_kernel(scratch->path, size, scratch->built + at);
  give(&file_ring, counts, scratch, sizeof(*record) + size, 0);
  return 0;
}
