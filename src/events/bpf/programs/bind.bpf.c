// Sockets that have got an address, by programs of the root control group, which every process's calls pass, however
// they were made. Always allowed: they return 1. Binds that fail do not come by here.
#include "events/bpf/programs/sockets.h"

RING(network_ring);

static __always_inline int told(struct bpf_sock* sock, __u16 family) {
  struct wire_socket record = {};
  begin_socket(&record, WIRE_SOCKET, WIRE_PROGRAM_BIND, WIRE_BIND, bpf_get_socket_cookie(sock));
  struct wire_counters* const counts = wanted_by(&record.event);
  if (!counts) return 1;
  record.family = family;
  record.type = sock->type;
  record.protocol = sock->protocol;
  record.local_port = sock->src_port;
  if (family == AF_INET) {
    *(__u32*)record.local = sock->src_ip4;
  } else {
    ((__u32*)record.local)[0] = sock->src_ip6[0];
    ((__u32*)record.local)[1] = sock->src_ip6[1];
    ((__u32*)record.local)[2] = sock->src_ip6[2];
    ((__u32*)record.local)[3] = sock->src_ip6[3];
  }
  SEND(network_ring, counts, record);
  return 1;
}

SEC("cgroup/post_bind4")
int post_bind4(struct bpf_sock* sock) { return told(sock, AF_INET); }

SEC("cgroup/post_bind6")
int post_bind6(struct bpf_sock* sock) { return told(sock, AF_INET6); }

char LICENSE[] SEC("license") = "GPL";
