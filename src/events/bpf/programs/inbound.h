// What inet_sock_set_state and accept tell each other.
#pragma once

#include "events/bpf/programs/sockets.h"

// Connections from outside that no call has taken yet, by their struct sock.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, __u64);
  __type(value, __u8);
} inbound SEC(".maps");

// Those that were told as they went on, while a call that takes them may be under way still. Of the two that one tells
// that deletes it from `inbound`.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, __u8);
} told_going_on SEC(".maps");
