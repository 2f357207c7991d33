// Questions to name servers and their answers, by packets to and from port 53 as they leave and reach sockets. Only on
// the way out is the process at hand; the socket's cookie joins the two. Always allowed: they return 1.
#include "events/bpf/programs/sockets.h"

RING(network_ring);

// The control groups of the sockets that asked: for the answers, which come in nobody's name.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, __u64);
  __type(value, __u64);
} asking SEC(".maps");

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

// An answer may come in while a question on its way out is being counted on the same processor.
static __always_inline void count(__u64* counter) { __sync_fetch_and_add(counter, 1); }

// Whose share of the ring it is.
static __always_inline __u64 group_here(__u64 cookie, bool answer) {
  if (answer) {
    const __u64* const group = bpf_map_lookup_elem(&asking, &cookie);
    return group ? *group : WIRE_ROOT_GROUP;
  }
  const __u64 group = group_of((void*)bpf_get_current_task()).id;
  bpf_map_update_elem(&asking, &cookie, &group, BPF_ANY);
  return group;
}

struct header {  // RFC 1035, 4.1.1
  __be16 id, flags, questions, answers, authorities, additional;
};

// Over TCP a message has its length before it, which may have come in a segment of its own. What has it is not taken
// for a message: where the count of questions would be are its flags, 1 of which no question or answer has alone.
static __always_inline bool begins_here(struct __sk_buff* packet, __u32 at, bool answer) {
  struct header header;
  if (bpf_skb_load_bytes(packet, at, &header, sizeof(header))) return false;
  return header.questions == bpf_htons(1) && bpf_ntohs(header.flags) >> 15 == answer;
}

static __always_inline int told(struct __sk_buff* packet, bool answer) {
  __u8 version;
  if (bpf_skb_load_bytes(packet, 0, &version, 1)) return 1;
  const bool v4 = version >> 4 == 4;
  __u8 protocol;
  if (bpf_skb_load_bytes(packet, v4 ? 9 : 6, &protocol, 1)) return 1;
  if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP) return 1;
  // Extension headers of IPv6 are no part of what asks a name server.
  __u32 at = v4 ? (version & 15) * 4 : 40;
  __be16 ports[2];
  if (bpf_skb_load_bytes(packet, at, ports, sizeof(ports))) return 1;
  if (bpf_ntohs(ports[answer ? 0 : 1]) != 53) return 1;
  bool bare = true;
  if (protocol == IPPROTO_UDP) {
    at += 8;
  } else {
    __u8 words;
    if (bpf_skb_load_bytes(packet, at + 12, &words, 1)) return 1;
    at += (words >> 4) * 4;
    bare = begins_here(packet, at, answer);
  }
  if (packet->len < at + (bare ? 0 : sizeof(__be16)) + sizeof(struct header)) return 1;
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_DNS);
  if (!counts) return 1;
  // What is counted is questions.
  if (!answer) count(&counts->seen);
  struct task_struct* const task = (void*)bpf_get_current_task();
  if (!answer && is_ours(task)) {
    count(&counts->filtered);
    return 1;
  }
  const __u64 cookie = bpf_get_socket_cookie(packet);
  const __u64 group = group_here(cookie, answer);
  const struct level level = level_of(&network_ring);
  if (is_refused(&network_ring, &network_ring_shares, level, sizeof(struct wire_dns), group)) {
    count(answer ? &counts->answers_lost : &counts->over_share);
    return 1;
  }
  struct wire_dns* const record = bpf_ringbuf_reserve(&network_ring, sizeof(*record), 0);
  if (!record) {
    count(answer ? &counts->answers_lost : &counts->ring_full);
    return 1;
  }
  if (answer) {
    __builtin_memset(&record->event, 0, sizeof(record->event));
    record->event.kind = WIRE_DNS;
    record->event.program = WIRE_PROGRAM_DNS;
    record->event.moment = bpf_ktime_get_boot_ns();
  } else {
    begin_current(&record->event, WIRE_DNS, WIRE_PROGRAM_DNS);
  }
  record->cookie = cookie;
  record->family = v4 ? AF_INET : AF_INET6;
  record->protocol = protocol;
  record->local_port = bpf_ntohs(ports[answer ? 1 : 0]);
  record->answer = answer;
  record->bare = bare;
  __builtin_memset(record->server, 0, sizeof(record->server));
  if (v4)
    bpf_skb_load_bytes(packet, answer ? 12 : 16, record->server, 4);
  else
    bpf_skb_load_bytes(packet, answer ? 8 : 24, record->server, 16);
  record->size = packet->len - at;
  // One after the other: put together, the verifier does not see that they bound it.
  __u64 size = record->size;
  if (size > WIRE_DNS_MOST) size = WIRE_DNS_MOST;
  barrier_var(size);
  bool read = size >= sizeof(struct header);
  if (read) {
    barrier_var(size);
    read = size <= WIRE_DNS_MOST && !bpf_skb_load_bytes(packet, at, record->payload, size);
  }
  if (!read) {
    count(answer ? &counts->answers_lost : &counts->unread);
    bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
    return 1;
  }
  if (!answer) count(&counts->sent);
  bpf_ringbuf_submit(record, wake_up(level));
  return 1;
}

SEC("cgroup_skb/egress")
int dns_out(struct __sk_buff* packet) { return told(packet, false); }

SEC("cgroup_skb/ingress")
int dns_in(struct __sk_buff* packet) { return told(packet, true); }

char LICENSE[] SEC("license") = "GPL";
