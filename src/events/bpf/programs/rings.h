// How records get into a ring. An object has one ring: RING() says which.
//
// While it is less than half full, everybody may write. Beyond, a control group may have as much more waiting there as
// it leaves free: one that floods fills three quarters, and what is left is for others, who share it alike.
#pragma once

#include "events/bpf/programs/groups.h"
#include "events/bpf/programs/maps.h"

// Puts a record of `group`, 0: that of the current task, into the ring and counts it. False: it is lost.
__attribute__((unused)) static __always_inline bool give(void* ring, struct wire_counters* counts, const void* record,
                                                         __u64 size, __u64 group);

// Sizes are the loader's to set. The shares are those of the groups that wrote while the ring was half full.
#define RING(name)                                                                                           \
  struct {                                                                                                   \
    __uint(type, BPF_MAP_TYPE_LRU_HASH);                                                                     \
    __uint(max_entries, WIRE_SHARES);                                                                        \
    __type(key, __u64);                                                                                      \
    __type(value, struct wire_share);                                                                        \
  } name##_shares SEC(".maps");                                                                              \
  static __always_inline bool give(void* ring, struct wire_counters* counts, const void* record, __u64 size, \
                                   __u64 group) {                                                            \
    return give_to(ring, &name##_shares, counts, record, size, group);                                       \
  }                                                                                                          \
  struct {                                                                                                   \
    __uint(type, BPF_MAP_TYPE_RINGBUF);                                                                      \
    __uint(max_entries, 4096);                                                                               \
  } name SEC(".maps")

// How full a ring is.
struct level {
  __u64 size, waiting;
};

static __always_inline struct level level_of(void* ring) {
  return (struct level){.size = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE),
                        .waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA)};
}

static __always_inline bool is_filling(struct level level) { return level.waiting > level.size / 2; }

// The reader looks every 100 ms: waking it costs more than all that a program does. It is woken as the ring passes a
// quarter, by each record within the next 64 KiB: one alone might be missed by two processors that pass it together.
static __always_inline __u64 wake_up(struct level level) {
  const __u64 quarter = level.size / 4;
  return level.waiting >= quarter && level.waiting - quarter < 65536 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

// Whether a group may not have `size` bytes more; else they are added to what it has. What it wrote counts until the
// reader has passed where the count began.
static __noinline bool is_over_share(void* ring, void* shares, __u64 size, __u64 group) {
  const __u64 taken = bpf_ringbuf_query(ring, BPF_RB_CONS_POS);
  const __u64 written = bpf_ringbuf_query(ring, BPF_RB_PROD_POS);
  const __u64 free = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE) - (written - taken);
  struct wire_share* const share = bpf_map_lookup_elem(shares, &group);
  if (!share) {
    const struct wire_share fresh = {.since = written, .bytes = size};
    bpf_map_update_elem(shares, &group, &fresh, BPF_NOEXIST);
    return false;
  }
  if (taken >= share->since) {
    share->since = written;
    share->bytes = 0;
  }
  if (share->bytes + size > free) {
    __sync_fetch_and_add(&share->lost, 1);
    return true;
  }
  __sync_fetch_and_add(&share->bytes, size);
  return false;
}

static __always_inline bool is_refused(void* ring, void* shares, struct level level, __u64 size, __u64 group) {
  if (!is_filling(level)) return false;
  return is_over_share(ring, shares, size + BPF_RINGBUF_HDR_SZ,
                       group ? group : group_of((void*)bpf_get_current_task()).id);
}

static __always_inline bool give_to(void* ring, void* shares, struct wire_counters* counts, const void* record,
                                    __u64 size, __u64 group) {
  const struct level level = level_of(ring);
  if (is_refused(ring, shares, level, size, group)) {
    counts->over_share++;
    return false;
  }
  if (bpf_ringbuf_output(ring, (void*)record, size, wake_up(level))) {
    counts->ring_full++;
    return false;
  }
  counts->sent++;
  return true;
}

// Ends a program: gives a record of fixed size, of the current task, to its ring.
#define SEND(ring, counts, record) give(&(ring), counts, &(record), sizeof(record), 0)
