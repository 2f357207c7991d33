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
