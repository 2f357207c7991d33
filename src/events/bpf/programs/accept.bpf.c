// Connections that processes take, by the ends of their calls: only there is known who. The 32-bit calls and io_uring
// do not come by here: see inet_sock_set_state.bpf.c, which tells of what nobody was seen to take.
#include "events/bpf/programs/inbound.h"

RING(network_ring);

static __always_inline int accepted(const struct syscall_exit* context, __u16 action) {
  if (context->result < 0) return 0;
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct sock* const sock = sock_of(task, context->result);
  const __u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);
  if (family != AF_INET && family != AF_INET6) return 0;
  const __u64 key = (__u64)(void*)sock;
  if (bpf_map_delete_elem(&inbound, &key) && !bpf_map_delete_elem(&told_going_on, &key)) return 0;
  struct wire_socket record;
  begin_current(&record.event, WIRE_SOCKET, WIRE_PROGRAM_ACCEPT);
  struct wire_counters* const counts = wanted_by(&record.event);
  if (!counts) return 0;
  record.action = action;
  record.result = context->result;
  read_socket(&record, sock);
  SEND(network_ring, counts, record);
  return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept")
int sys_exit_accept(const struct syscall_exit* context) { return accepted(context, WIRE_ACCEPT); }

SEC("tracepoint/syscalls/sys_exit_accept4")
int sys_exit_accept4(const struct syscall_exit* context) { return accepted(context, WIRE_ACCEPT4); }

char LICENSE[] SEC("license") = "GPL";
