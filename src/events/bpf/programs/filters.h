// Rules of the configuration that are decided here: by who does it. Their order is the map's; any that matches drops.
#pragma once

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

static __always_inline bool condition_holds(const struct wire_condition* asked, __u32 uid, __u32 euid, __u32 gid,
                                            __u32 login_uid) {
  const __u32 has = asked->field == WIRE_UID    ? uid
                    : asked->field == WIRE_EUID ? euid
                    : asked->field == WIRE_GID  ? gid
                                                : login_uid;
  switch (asked->op) {
    case WIRE_EQUAL:
      return has == asked->value;
    case WIRE_NOT_EQUAL:
      return has != asked->value;
    case WIRE_LESS:
      return has < asked->value;
    case WIRE_LESS_OR_EQUAL:
      return has <= asked->value;
    case WIRE_GREATER:
      return has > asked->value;
    case WIRE_GREATER_OR_EQUAL:
      return has >= asked->value;
    default:
      return false;
  }
}

// Which rule drops it, from 1; 0: none. A function of its own, so that the verifier looks at its loops once.
__noinline int filter_of(__u32 uid, __u32 euid, __u32 gid, __u32 login_uid) {
  const struct wire_settings* const wanted = our_settings();
  const __u32 count = wanted ? wanted->filters : 0;
  for (__u32 i = 0; i < WIRE_FILTERS; ++i) {
    if (i >= count) return 0;
    const __u32 row = i;
    const struct wire_filter* const filter = bpf_map_lookup_elem(&filters, &row);
    if (!filter) return 0;
    __u32 failed = 0;
    for (__u32 c = 0; c < WIRE_CONDITIONS; ++c)
      failed |= c < filter->count && !condition_holds(&filter->conditions[c], uid, euid, gid, login_uid);
    if (!failed) return i + 1;
  }
  return 0;
}

// Whether nobody wants it: then it has been counted.
static __always_inline bool is_filtered(const struct wire_event* event, struct wire_counters* counts) {
  const struct wire_settings* const wanted = our_settings();
  if (!wanted || !wanted->filters) return false;
  const struct wire_ids* const ids = &event->actor.ids;
  const __u32 rule = filter_of(ids->uid, ids->euid, ids->gid, ids->login_uid) - 1;
  if (rule >= WIRE_FILTERS) return false;
  __u64* const hits = bpf_map_lookup_elem(&filter_hits, &rule);
  if (hits) ++*hits;
  counts->filtered++;
  return true;
}
