// Records that end in texts: room to put them together, and what the kernel keeps as pieces, paths above all.
//
// Who includes this has said what a record begins with (RECORD), where the last text may begin (TEXT_LIMIT) and how
// long it may be (TEXT_LAST, 4096 at least), and a name for the map (SCRATCH).
#pragma once

#include "events/bpf/programs/actor.h"
#include "events/bpf/programs/files.h"

// The kernel gives no program as much stack, and no per-CPU value: a slot for each processor.
struct scratch {
  RECORD record;
  char text[TEXT_LIMIT + TEXT_LAST];
  // Of the walk: kept here, where the verifier does not follow what they are.
  struct dentry* dentry;
  struct vfsmount* mount;
  struct dentry* root;
  struct vfsmount* root_mount;
  struct kernfs_node* node;
  __u64 at;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);  // the number of processors
  __type(key, __u32);
  __type(value, struct scratch);
} SCRATCH SEC(".maps");

static __always_inline struct scratch* scratch_here(void) {
  const __u32 processor = bpf_get_smp_processor_id();
  return bpf_map_lookup_elem(&SCRATCH, &processor);
}

// Where the next text begins, in a form that the verifier believes.
static __always_inline __u64 place(const struct scratch* scratch) {
  __u64 at = scratch->at;
  barrier_var(at);
  return at;
}

// Adds a text of the kernel's, with its NUL. False: there is no room, or it cannot be read.
static __always_inline bool add(struct scratch* scratch, const void* text, __u32 most) {
  const __u64 at = place(scratch);
  if (at > TEXT_LIMIT) return false;
  const long size = bpf_probe_read_kernel_str(scratch->text + at, most, text);
  if (size <= 0) return false;
  scratch->at = at + size;
  return true;
}

// Adds the components from scratch's dentry up to its root, across mounts. 0: all of them. A function of its own, that
// the verifier looks at once.
__noinline int walk(__u64 room) {
  struct scratch* const scratch = scratch_here();
  if (!scratch) return 1;
  const __u64 end = scratch->at + room;
  for (int i = 0; i < WIRE_COMPONENTS; i++) {
    struct dentry* const dentry = scratch->dentry;
    struct vfsmount* const mount = scratch->mount;
    if (dentry == scratch->root && mount == scratch->root_mount) return 0;
    if (dentry == BPF_CORE_READ(mount, mnt_root)) {
      struct mount* const mounted = mount_of(mount);
      struct mount* const parent = BPF_CORE_READ(mounted, mnt_parent);
      if (parent == mounted) return 0;
      scratch->dentry = BPF_CORE_READ(mounted, mnt_mountpoint);
      scratch->mount = (void*)parent + bpf_core_field_offset(struct mount, mnt);
      continue;
    }
    struct dentry* const parent = BPF_CORE_READ(dentry, d_parent);
    if (parent == dentry) return 0;
    if (scratch->at > end || !add(scratch, BPF_CORE_READ(dentry, d_name.name), 256)) return 1;
    scratch->dentry = parent;
  }
  return 1;
}

// The same for a control group.
__noinline int walk_groups(void) {
  struct scratch* const scratch = scratch_here();
  if (!scratch) return 1;
  for (int i = 0; i < 32; i++) {
    struct kernfs_node* const node = scratch->node;
    struct kernfs_node* const parent = parent_of(node);
    if (!parent) return 0;
    if (!add(scratch, BPF_CORE_READ(node, name), 256)) return 1;
    scratch->node = parent;
  }
  return 1;
}

static __always_inline int add_path(struct scratch* scratch, struct path* path, struct path* root) {
  scratch->dentry = BPF_CORE_READ(path, dentry);
  scratch->mount = BPF_CORE_READ(path, mnt);
  scratch->root = BPF_CORE_READ(root, dentry);
  scratch->root_mount = BPF_CORE_READ(root, mnt);
  return walk(WIRE_PATH_MOST - 256);
}

// An executable in memory has a name and no place.
static __always_inline bool is_memfd(struct dentry* dentry) {
  if (BPF_CORE_READ(dentry, d_parent) != dentry) return false;
  char name[8] = {};
  bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
  return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':';
}

// Whether a file of an overlay is in its upper layer: struct ovl_inode, which a module may bring, is the inode and
// then a pointer to the upper layer's dentry (fs/overlayfs/ovl_entry.h).
static __always_inline bool is_upper(struct inode* inode) {
  if (BPF_CORE_READ(inode, i_sb, s_magic) != 0x794c7630) return false;
  void* upper = NULL;
  bpf_probe_read_kernel(&upper, sizeof(upper), (void*)inode + bpf_core_type_size(struct inode));
  return upper != NULL;
}

// Of an executable: WIRE_MEMFD, WIRE_DELETED, WIRE_UPPER.
static __always_inline __u32 marks_of(struct file* file) {
  struct dentry* const dentry = BPF_CORE_READ(file, f_path.dentry);
  struct inode* const inode = BPF_CORE_READ(file, f_inode);
  __u32 marks = is_upper(inode) ? WIRE_UPPER : 0;
  if (is_memfd(dentry))
    marks |= WIRE_MEMFD;
  else if (BPF_CORE_READ(inode, i_nlink) == 0 ||
           (!BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry))
    marks |= WIRE_DELETED;
  return marks;
}

// Adds the path of the task's control group.
static __always_inline void add_group(struct scratch* scratch, struct task_struct* task) {
  scratch->node = group_of(task).node;
  walk_groups();
}
