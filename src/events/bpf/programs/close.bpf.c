// TCP connections as they end, with what went over them. Whose one is, who reads this knows by the cookie: here it may
// be an interrupt.
#include "events/bpf/programs/sockets.h"

RING(network_ring);

#define IPPROTO_TCP 6
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_close, struct sock* sock, int from, int to) {
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
  __u64 group = WIRE_ROOT_GROUP;
  if (bpf_core_field_exists(sock->sk_cgrp_data.cgroup)) group = BPF_CORE_READ(sock, sk_cgrp_data.cgroup, kn, id);
  give(&network_ring, counts, &record, sizeof(record), group ? group : WIRE_ROOT_GROUP);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
