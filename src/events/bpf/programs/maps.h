// The maps that several programs share. Each object declares those that it uses in these words; the loader gives all
// of them the one that was made first.
#pragma once

#include "events/bpf/programs/types.h"
#include "events/bpf/programs/wire.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct wire_settings);
} settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, WIRE_PROGRAMS);
  __type(key, __u32);
  __type(value, struct wire_counters);
} counters SEC(".maps");

static __always_inline const struct wire_settings* our_settings(void) {
  const __u32 first = 0;
  return bpf_map_lookup_elem(&settings, &first);
}

static __always_inline struct wire_counters* counters_of(__u32 program) {
  return bpf_map_lookup_elem(&counters, &program);
}
