// Rules of the configuration that are decided here: by who does it. Their order is the map's; any that matches drops.
#pragma once

#include "events/bpf/programs/groups.h"
#include "events/bpf/programs/maps.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, WIRE_FILTERS);
  __type(key, __u32);
  __type(value, struct wire_filter);
} filters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, WIRE_FILTERS);
  __type(key, __u32);
  __type(value, __u64);
} filter_hits SEC(".maps");

// The loops over the rules calculate rather than branch: the verifier walks every way through them. Not so what
// compares: with that calculated the verifier of Linux 5.10 does not come to an end.

// An enum wire_comparison.
static __always_inline __u32 compare(__u32 has, __u32 value) {
  return has < value ? WIRE_LESS : has > value ? WIRE_GREATER : WIRE_EQUAL;
}

static __always_inline __u32 is_zero(__u64 number) { return ~(number | -number) >> 63; }

// Which rules ask for the executable of the current task: a bit each.
__noinline int rules_of_executable(void) {
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct inode* const inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
  if (!inode) return 0;
  struct wire_executable has = {.inode = BPF_CORE_READ(inode, i_ino), .device = BPF_CORE_READ(inode, i_sb, s_dev)};
  if (bpf_core_field_exists(inode->i_ctime_sec)) {
    has.ctime = BPF_CORE_READ(inode, i_ctime_sec);
    has.ctime_nanoseconds = BPF_CORE_READ(inode, i_ctime_nsec) & 0x7fffffff;
  } else {
    struct inode___before_6_11* const before = (void*)inode;
    struct inode___6_6* const between = (void*)inode;
    const bool is_before = bpf_core_field_exists(before->i_ctime);
    has.ctime = is_before ? BPF_CORE_READ(before, i_ctime.tv_sec) : BPF_CORE_READ(between, __i_ctime.tv_sec);
    has.ctime_nanoseconds =
        is_before ? BPF_CORE_READ(before, i_ctime.tv_nsec) : BPF_CORE_READ(between, __i_ctime.tv_nsec);
  }
  int rules = 0;
  for (__u32 i = 0; i < WIRE_FILTERS; ++i) {
    const __u32 row = i;
    const struct wire_filter* const filter = bpf_map_lookup_elem(&filters, &row);
    if (!filter) return rules;
    const struct wire_executable* const asked = &filter->executable;
    const __u64 differs = (asked->inode ^ has.inode) | (asked->device ^ has.device) | (asked->ctime ^ has.ctime) |
                          (asked->ctime_nanoseconds ^ has.ctime_nanoseconds);
    rules |= is_zero(differs) << i;
  }
  return rules;
}

// Which rules ask for a control group, by its number.
__noinline int rules_of_group(__u64 number) {
  int rules = 0;
  for (__u32 i = 0; i < WIRE_FILTERS; ++i) {
    const __u32 row = i;
    const struct wire_filter* const filter = bpf_map_lookup_elem(&filters, &row);
    if (!filter) return rules;
    rules |= (is_zero(filter->groups[0] ^ number) | is_zero(filter->groups[1] ^ number)) << i;
  }
  return rules;
}

// Which rules ask for the control group of the current task, or for one above it.
__noinline int rules_of_groups(void) {
  const struct group group = group_of((void*)bpf_get_current_task());
  const __u64 kind = group.id & WIRE_MEMORY_GROUP;
  struct kernfs_node* node = group.node;
  int rules = 0;
  for (int i = 0; i < WIRE_DEPTH && node; ++i) {
    rules |= rules_of_group(kind | BPF_CORE_READ(node, id));
    node = parent_of(node);
  }
  return rules;
}

// Which rule drops what somebody does, from 1; 0: none. `here`: it is the current task, so that its executable and its
// group can be asked for. A function of its own, so that the verifier looks at its loops once.
__noinline int filter_of(__u32 uid, __u32 euid, __u32 gid, __u32 login_uid, bool here) {
  const struct wire_settings* const wanted = our_settings();
  const __u32 count = wanted ? wanted->filters : 0;
  const __u32 asks = wanted && here ? wanted->filter_asks : 0;
  const __u64 users = uid | (__u64)euid << 32;
  const __u64 others = gid | (__u64)login_uid << 32;
  const __u32 of_executable = asks & WIRE_ASKS_EXECUTABLE ? rules_of_executable() : 0;
  const __u32 of_group = asks & WIRE_ASKS_GROUP ? rules_of_groups() : 0;
  for (__u32 i = 0; i < WIRE_FILTERS; ++i) {
    if (i >= count) return 0;
    const __u32 row = i;
    const struct wire_filter* const filter = bpf_map_lookup_elem(&filters, &row);
    if (!filter) return 0;
    const __u32 meets = (of_executable >> i & 1) * WIRE_ASKS_EXECUTABLE | (of_group >> i & 1) * WIRE_ASKS_GROUP;
    __u32 failed = filter->asks & ~meets;
    for (__u32 c = 0; c < WIRE_CONDITIONS; ++c) {
      const struct wire_condition* const condition = &filter->conditions[c];
      const __u64 either = users ^ ((users ^ others) & -(__u64)(condition->field >> 1 & 1));
      const __u32 has = either >> (condition->field & 1) * 32;
      failed |= condition->fails & compare(has, condition->value);
    }
    if (!failed) return i + 1;
  }
  return 0;
}

// The rule that drops what an actor does, from 1; 0: none.
static __always_inline __u32 rule_of(const struct wire_actor* actor, bool here) {
  const struct wire_settings* const wanted = our_settings();
  if (!wanted || !wanted->filters) return 0;
  const struct wire_ids* const ids = &actor->ids;
  return filter_of(ids->uid, ids->euid, ids->gid, ids->login_uid, here);
}

// Whether nobody wants what a rule was found for: then it has been counted.
static __always_inline bool is_dropped(__u32 rule, struct wire_counters* counts) {
  const __u32 row = rule - 1;
  if (row >= WIRE_FILTERS) return false;
  __u64* const hits = bpf_map_lookup_elem(&filter_hits, &row);
  if (hits) ++*hits;
  counts->filtered++;
  return true;
}

// The same of what the current task does.
static __always_inline bool is_filtered(const struct wire_event* event, struct wire_counters* counts) {
  return is_dropped(rule_of(&event->actor, true), counts);
}
