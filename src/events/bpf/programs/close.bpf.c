// TCP connections as they end, with what went over them. Whose one is, who reads this knows by the cookie: here it may
// be an interrupt.
#include "events/bpf/programs/sockets.h"

RING(network_ring);

#define IPPROTO_TCP 6
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

// Whose a connection's records are, where the socket does not say it: a group of the memory controller. What is taken
// has that of who listens.
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
  __type(key, int);
  __type(value, __u64);
} memory_groups SEC(".maps");

// v2's; before 5.16 a socket does not tell it.
static __always_inline __u64 group_of_socket(struct sock* sock) {
  if (!bpf_core_field_exists(sock->sk_cgrp_data.cgroup)) return WIRE_ROOT_GROUP;
  const __u64 group = BPF_CORE_READ(sock, sk_cgrp_data.cgroup, kn, id);
  return group ? group : WIRE_ROOT_GROUP;
}

// In the name of who asks.
static __always_inline int begins(struct sock* sock) {
  if (group_of_socket(sock) != WIRE_ROOT_GROUP) return 0;
  __u64* const group = bpf_sk_storage_get(&memory_groups, sock, NULL, BPF_SK_STORAGE_GET_F_CREATE);
  if (group) *group = group_of((void*)bpf_get_current_task()).id;
  return 0;
}

static __always_inline __u64 group_at_end(struct sock* sock) {
  const __u64 group = group_of_socket(sock);
  if (group != WIRE_ROOT_GROUP) return group;
  const __u64* const kept = bpf_sk_storage_get(&memory_groups, sock, NULL, 0);
  return kept ? *kept : group;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_close, struct sock* sock, int from, int to) {
  if (from == TCP_CLOSE && (to == TCP_SYN_SENT || to == TCP_LISTEN)) return begins(sock);
  if (to != TCP_CLOSE || from == TCP_CLOSE || from == TCP_SYN_SENT || from == TCP_SYN_RECV || from == TCP_LISTEN)
    return 0;
  if (BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP) return 0;
  struct wire_close record = {};
  read_socket(&record.socket, sock);
  // Who has no cookie was opened before anybody looked.
  if (!record.socket.cookie) return 0;
  // The same: kernels that give none refuse this program.
  record.socket.cookie = bpf_get_socket_cookie(sock);
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_CLOSE);
  if (!counts) return 0;
  counts->seen++;
  record.socket.event.kind = WIRE_CLOSE;
  record.socket.event.program = WIRE_PROGRAM_CLOSE;
  record.socket.event.moment = bpf_ktime_get_boot_ns();
  record.socket.local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock*)sock, inet_sport));
  struct tcp_sock* const tcp = (struct tcp_sock*)sock;
  record.sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
  // The other side's FIN counts as a byte there.
  const __u64 ended = BPF_CORE_READ(sock, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;
  record.received = BPF_CORE_READ(tcp, bytes_received) - ended;
  give(&network_ring, counts, &record, sizeof(record), group_at_end(sock));
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
