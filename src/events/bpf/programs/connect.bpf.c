// Connects over the network that end before the first packet: no route, no address, not allowed. The others are told by
// inet_sock_set_state.bpf.c. Calls of 32-bit programs do not come by here.
#include "events/bpf/programs/call_ends.h"
#include "events/bpf/programs/registers.h"
#include "events/bpf/programs/sockets.h"

RING(network_ring);

#define EPERM 1
#define EACCES 13
#define EADDRNOTAVAIL 99
#define ENETUNREACH 101

struct address {
  __u16 family;
  __be16 port;
  __u8 v4[4];
  __u8 v6[16];  // behind sin6_flowinfo, which lies where IPv4 has its address
};

static __always_inline int failed(long result) {
  const __s64 error = -result;
  if (error != EPERM && error != EACCES && error != EADDRNOTAVAIL && error != ENETUNREACH) return 0;
  struct task_struct* const task = (void*)bpf_get_current_task();
  const struct pt_regs* const registers = registers_here();
  const void* const at = (const void*)REGISTER(registers, si);
  struct address address = {};
  if (bpf_probe_read_user(&address, sizeof(address), at) && bpf_probe_read_user(&address, 8, at)) return 0;
  if (address.family != AF_INET && address.family != AF_INET6) return 0;
  struct sock* const sock = sock_of(task, REGISTER(registers, di));
  struct wire_socket record;
  begin_current(&record.event, WIRE_SOCKET, WIRE_PROGRAM_CONNECT);
  struct wire_counters* const counts = wanted_by(&record.event);
  if (!counts) return 0;
  record.action = WIRE_CONNECT;
  record.result = result;
  read_socket(&record, sock);
  record.remote_port = bpf_ntohs(address.port);
  __builtin_memset(record.remote, 0, sizeof(record.remote));
  if (address.family == AF_INET)
    __builtin_memcpy(record.remote, address.v4, sizeof(address.v4));
  else
    __builtin_memcpy(record.remote, address.v6, sizeof(address.v6));
  record.family = address.family;
  SEND(network_ring, counts, record);
  return 0;
}

ON_CALL_END(connect, failed(result))

char LICENSE[] SEC("license") = "GPL";
