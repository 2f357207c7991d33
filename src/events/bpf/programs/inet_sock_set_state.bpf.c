// TCP connections that this host asks for, and sockets that begin to listen.
//
// A connect is told when it is decided: only then has the socket its own port. That may be in an interrupt, so who
// asked is remembered. Failures before the first packet (no route) never get here.
#include "events/bpf/programs/inbound.h"

RING(network_ring);

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define ECANCELED 125

// Who did something, for when that is told in nobody's name.
struct doer {
  struct wire_event event;
  __u64 group;
  __u32 rule;  // that drops it
  __u32 generation;
};

// Sockets whose connect is under way.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, __u64);
  __type(value, struct doer);
} connecting SEC(".maps");

struct place {
  __u32 network_namespace;
  __u32 port;
};

// Who listens where.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, struct place);
  __type(value, struct doer);
} listeners SEC(".maps");

// There where programs of tracing may ask for a cookie, from 5.12 on.
typedef __u64 (*btf_bpf_get_socket_ptr_cookie)(struct sock*);

// Makes the socket's cookie, so that every later event has it.
static __always_inline void make_cookie(struct sock* sock) {
  if (bpf_core_type_exists(btf_bpf_get_socket_ptr_cookie)) bpf_get_socket_cookie(sock);
}

static __always_inline struct place place_of(struct sock* sock) {
  return (struct place){.network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum),
                        .port = BPF_CORE_READ(sock, __sk_common.skc_num)};
}

// A number of the memory controller takes as long as all else: it is asked for when shares of the ring are counted.
static __always_inline void begin_doer(struct doer* doer) {
  begin_current(&doer->event, WIRE_SOCKET, WIRE_PROGRAM_TCP);
  doer->group = doer->event.actor.cgroup_id;
  if (doer->group == WIRE_ROOT_GROUP && is_filling(level_of(&network_ring)))
    doer->group = group_of((void*)bpf_get_current_task()).id;
  const struct wire_settings* const wanted = our_settings();
  doer->rule = rule_of(&doer->event.actor, true);
  doer->generation = wanted ? wanted->generation : 0;
}

// The rules may be others by now: then those hold, as far as they ask for what is known still.
static __always_inline __u32 rule_now(const struct doer* doer) {
  const struct wire_settings* const wanted = our_settings();
  return wanted && wanted->generation == doer->generation ? doer->rule : rule_of(&doer->event.actor, false);
}

// Ends an event.
static __always_inline int tell(const struct doer* who, struct sock* sock, __u16 action, int result) {
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_TCP);
  if (!counts) return 0;
  counts->seen++;
  const struct wire_settings* const wanted = our_settings();
  if (wanted && wanted->self == who->event.actor.process.pid) {
    counts->filtered++;
    return 0;
  }
  if (is_dropped(rule_now(who), counts)) return 0;
  struct wire_socket record;
  record.event = who->event;
  if (action == WIRE_TAKEN) record.event.moment = bpf_ktime_get_boot_ns();
  record.action = action;
  record.result = result;
  read_socket(&record, sock);
  if (result) record.local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock*)sock, inet_sport));
  give(&network_ring, counts, &record, sizeof(record), who->group);
  return 0;
}

static __always_inline int asked(struct sock* sock) {
  const __u64 key = (__u64)(void*)sock;
  struct doer who;
  begin_doer(&who);
  make_cookie(sock);
  bpf_map_update_elem(&connecting, &key, &who, BPF_ANY);
  return 0;
}

static __always_inline int decided(struct sock* sock, bool done) {
  const __u64 key = (__u64)(void*)sock;
  const struct doer* const who = bpf_map_lookup_elem(&connecting, &key);
  if (!who) return 0;  // from before us
  const int error = done ? 0 : BPF_CORE_READ(sock, sk_err);
  tell(who, sock, WIRE_CONNECT, done ? 0 : error ? -error : -ECANCELED);  // closed by who asked
  bpf_map_delete_elem(&connecting, &key);
  return 0;
}

static __always_inline int listens(struct sock* sock) {
  struct doer who;
  begin_doer(&who);
  const struct place place = place_of(sock);
  bpf_map_update_elem(&listeners, &place, &who, BPF_ANY);
  make_cookie(sock);
  return tell(&who, sock, WIRE_LISTEN, 0);
}

static __always_inline int arrived(struct sock* sock) {
  const __u64 key = (__u64)(void*)sock;
  const __u8 yes = 1;
  make_cookie(sock);
  bpf_map_update_elem(&inbound, &key, &yes, BPF_ANY);
  bpf_map_delete_elem(&told_going_on, &key);  // another's, which lay here before and whose accept nobody saw
  return 0;
}

// A connection from outside goes on or ends. If a process has it and no call was seen that took it, it is that of who
// listens: told late rather than never.
static __always_inline int goes_on(struct sock* sock, int to) {
  const __u64 key = (__u64)(void*)sock;
  if (!bpf_map_lookup_elem(&inbound, &key)) return 0;
  const struct place place = place_of(sock);
  const bool taken = BPF_CORE_READ(sock, sk_socket) != NULL;
  const struct doer* const who = taken ? bpf_map_lookup_elem(&listeners, &place) : NULL;
  if (!who) {
    if (to == TCP_CLOSE) bpf_map_delete_elem(&inbound, &key);
    return 0;
  }
  const __u8 yes = 1;
  bpf_map_update_elem(&told_going_on, &key, &yes, BPF_ANY);
  if (!bpf_map_delete_elem(&inbound, &key)) return tell(who, sock, WIRE_TAKEN, 0);
  bpf_map_delete_elem(&told_going_on, &key);
  return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock* sock, int from, int to) {
  if (from == TCP_CLOSE && to == TCP_SYN_SENT) return asked(sock);
  if (from == TCP_SYN_SENT && (to == TCP_ESTABLISHED || to == TCP_CLOSE)) return decided(sock, to == TCP_ESTABLISHED);
  if (from == TCP_CLOSE && to == TCP_LISTEN) return listens(sock);
  if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED) return arrived(sock);
  return goes_on(sock, to);
}

char LICENSE[] SEC("license") = "GPL";
