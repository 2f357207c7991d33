// The maps that several programs share. Each object declares those that it uses in these words; the loader gives all
// of them the one that was made first.
#pragma once

#include "events/bpf/programs/types.h"
#include "events/bpf/programs/wire.h"

// Sizes are the loader's to set.
#define RING(name)                      \
  struct {                              \
    __uint(type, BPF_MAP_TYPE_RINGBUF); \
    __uint(max_entries, 4096);          \
  } name SEC(".maps")

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

// The reader looks every 100 ms: waking it costs more than all that a program does. It is woken as the ring passes a
// quarter, by each record within the next 64 KiB: one alone might be missed by two processors that pass it together.
static __always_inline __u64 wake_up(void* ring) {
  const __u64 quarter = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE) / 4;
  const __u64 waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
  return waiting >= quarter && waiting - quarter < 65536 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

// Ends a program: gives a record of fixed size to its ring, or counts it as lost.
#define SEND(ring, counts, record)                                                \
  do {                                                                            \
    if (bpf_ringbuf_output(&(ring), &(record), sizeof(record), wake_up(&(ring)))) \
      (counts)->ring_full++;                                                      \
    else                                                                          \
      (counts)->sent++;                                                           \
  } while (0)
