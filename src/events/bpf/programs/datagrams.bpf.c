// Datagrams: sockets that are connected, and the first of what goes to an address otherwise. By programs of the root
// control group, which every process's calls pass, however they were made. Always allowed: they return 1.
#include "events/bpf/programs/sockets.h"

RING(network_ring);

struct flow {
  __u64 cookie;
  __u8 address[16];
  __u32 port;
  __u32 reserved;
};

// Where datagrams went not long ago.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, struct flow);
  __type(value, __u8);
} flows SEC(".maps");

// `v4`: of the address. IPv4 that a socket of IPv6 sends to is IPv4 in IPv6, whichever way it came here.
static __always_inline int told(struct bpf_sock_addr* context, __u16 action, bool v4) {
  if (context->type != SOCK_DGRAM || !context->user_port) return 1;
  struct flow flow = {.cookie = bpf_get_socket_cookie(context), .port = context->user_port};
  const __u16 family = context->family;
  if (v4 && family == AF_INET) {
    *(__u32*)flow.address = context->user_ip4;
  } else if (v4) {
    ((__u32*)flow.address)[2] = bpf_htonl(0xffff);
    ((__u32*)flow.address)[3] = context->user_ip4;
  } else {
    ((__u32*)flow.address)[0] = context->user_ip6[0];
    ((__u32*)flow.address)[1] = context->user_ip6[1];
    ((__u32*)flow.address)[2] = context->user_ip6[2];
    ((__u32*)flow.address)[3] = context->user_ip6[3];
  }
  const __u8 yes = 1;
  if (bpf_map_lookup_elem(&flows, &flow)) return 1;
  bpf_map_update_elem(&flows, &flow, &yes, BPF_ANY);
  struct wire_socket record = {};
  begin_socket(&record, WIRE_SOCKET, WIRE_PROGRAM_DATAGRAMS, action, flow.cookie);
  struct wire_counters* const counts = wanted_by(&record.event);
  if (!counts) return 1;
  record.family = family;
  record.type = context->type;
  record.protocol = context->protocol;
  record.remote_port = bpf_ntohs(context->user_port);
  __builtin_memcpy(record.remote, flow.address, sizeof(record.remote));
  struct bpf_sock* const sock = context->sk;
  if (sock) record.local_port = sock->src_port;
  SEND(network_ring, counts, record);
  return 1;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr* context) { return told(context, WIRE_CONNECT, true); }

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr* context) { return told(context, WIRE_CONNECT, false); }

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr* context) { return told(context, WIRE_SEND, true); }

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr* context) { return told(context, WIRE_SEND, false); }

char LICENSE[] SEC("license") = "GPL";
