// Control groups of a task.
#pragma once

#include "events/bpf/programs/types.h"
#include "events/bpf/programs/wire.h"

// Of the memory controller; NULL: there is none.
static __always_inline struct kernfs_node* memory_group_of(struct task_struct* task) {
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) return NULL;
  struct cgroup_subsys_state* state = NULL;
  struct css_set* const set = BPF_CORE_READ(task, cgroups);
  const __u64 index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
  bpf_probe_read_kernel(&state, sizeof(state),
                        (void*)set + bpf_core_field_offset(struct css_set, subsys) + index * sizeof(void*));
  return BPF_CORE_READ(state, cgroup, kn);
}

// v2's, or where that is the root, as on hosts that are v1's still, the memory controller's: what tells containers
// apart. Its number says of which kind it is.
struct group {
  struct kernfs_node* node;
  __u64 id;
};

static __always_inline struct group group_of(struct task_struct* task) {
  struct kernfs_node* const node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
  const __u64 id = BPF_CORE_READ(node, id);
  struct kernfs_node* const memory = id == WIRE_ROOT_GROUP ? memory_group_of(task) : NULL;
  if (!memory) return (struct group){.node = node, .id = id};
  return (struct group){.node = memory, .id = WIRE_MEMORY_GROUP | BPF_CORE_READ(memory, id)};
}

static __always_inline struct kernfs_node* parent_of(struct kernfs_node* node) {
  if (bpf_core_field_exists(node->__parent)) return BPF_CORE_READ(node, __parent);
  return BPF_CORE_READ((struct kernfs_node___before_6_15*)node, parent);
}
