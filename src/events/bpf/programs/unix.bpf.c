// Connects to Unix sockets. A program of the root control group has the name that the kernel goes by, however the call
// was made, but is asked before anything is decided; so what came of it is added at the call's end. Calls of 32-bit
// programs and of io_uring have none here: they are told at once, as under way. Always allowed: it returns 1.
#include "events/bpf/programs/sockets.h"

RING(network_ring);

#define EINPROGRESS 115

struct syscall_enter {
  __u64 common;
  __s64 number;
  __u64 arguments[6];
};

// The descriptors of connects that are under way, by thread.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, __s32);
} connects SEC(".maps");

// What is known of those that go to Unix sockets.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct wire_unix);
} unix_connects SEC(".maps");

// What the program's context stands for.
struct bpf_sock_addr_kern {
  void* uaddr;
  __u32 uaddrlen;
} __attribute__((preserve_access_index));

extern void* bpf_cast_to_kern_ctx(void* context) __ksym;

static __always_inline __u32 thread_here(void) {
  struct task_struct* const task = (void*)bpf_get_current_task();
  return BPF_CORE_READ(task, pid);
}

static __always_inline void tell(const struct wire_unix* record) {
  struct wire_counters* const counts = wanted_by(&record->socket.event);
  if (counts) give(&network_ring, counts, record, sizeof(*record), 0);
}

SEC("tracepoint/syscalls/sys_enter_connect")
int sys_enter_connect(const struct syscall_enter* context) {
  const __u32 thread = thread_here();
  const __s32 descriptor = context->arguments[0];
  bpf_map_update_elem(&connects, &thread, &descriptor, BPF_ANY);
  return 0;
}

SEC("cgroup/connect_unix")
int connect_unix(struct bpf_sock_addr* context) {
  struct bpf_sock_addr_kern* const kernels = bpf_cast_to_kern_ctx(context);
  const __u32 thread = thread_here();
  struct wire_unix record = {};
  begin_socket(&record.socket, WIRE_UNIX, WIRE_PROGRAM_UNIX, WIRE_CONNECT, bpf_get_socket_cookie(context));
  record.socket.family = AF_UNIX;
  record.socket.type = context->type;
  record.descriptor = -1;
  record.size = BPF_CORE_READ(kernels, uaddrlen) - sizeof(__u16);
  if (record.size > sizeof(record.name)) record.size = 0;
  bpf_probe_read_kernel(record.name, sizeof(record.name), BPF_CORE_READ(kernels, uaddr) + sizeof(__u16));
  const __s32* const descriptor = bpf_map_lookup_elem(&connects, &thread);
  if (descriptor) {
    record.descriptor = *descriptor;
    bpf_map_update_elem(&unix_connects, &thread, &record, BPF_ANY);
  } else {
    record.socket.result = -EINPROGRESS;
    tell(&record);
  }
  return 1;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int unix_connected(const struct syscall_exit* context) {
  const __u32 thread = thread_here();
  struct wire_unix* const record = bpf_map_lookup_elem(&unix_connects, &thread);
  if (record) {
    record->socket.result = context->result;
    tell(record);
    bpf_map_delete_elem(&unix_connects, &thread);
  }
  bpf_map_delete_elem(&connects, &thread);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
