// Connections to Unix sockets that processes take, by the ends of their calls, with the listener's name.
#include "events/bpf/programs/sockets.h"

RING(network_ring);

static __always_inline int accepted(const struct syscall_exit* context, __u16 action) {
  if (context->result < 0) return 0;
  struct sock* const sock = sock_of((void*)bpf_get_current_task(), context->result);
  if (BPF_CORE_READ(sock, __sk_common.skc_family) != AF_UNIX) return 0;
  struct wire_unix record = {};
  begin_current(&record.socket.event, WIRE_UNIX, WIRE_PROGRAM_UNIX_ACCEPT);
  struct wire_counters* const counts = wanted_by(&record.socket.event);
  if (!counts) return 0;
  record.socket.action = action;
  record.socket.result = record.descriptor = context->result;
  record.socket.family = AF_UNIX;
  record.socket.type = BPF_CORE_READ(sock, sk_type);
  record.socket.cookie = BPF_CORE_READ(sock, __sk_common.skc_cookie.counter);
  record.socket.network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
  struct unix_address* const address = BPF_CORE_READ((struct unix_sock*)sock, addr);
  record.size = BPF_CORE_READ(address, len) - sizeof(__u16);
  if (record.size > sizeof(record.name)) record.size = 0;
  bpf_core_read(record.name, sizeof(address->name[0].sun_path), &address->name[0].sun_path);
  SEND(network_ring, counts, record);
  return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept")
int unix_accepted(const struct syscall_exit* context) { return accepted(context, WIRE_ACCEPT); }

SEC("tracepoint/syscalls/sys_exit_accept4")
int unix_accepted4(const struct syscall_exit* context) { return accepted(context, WIRE_ACCEPT4); }

char LICENSE[] SEC("license") = "GPL";
