// What processes do with sockets.
#pragma once

#include "events/bpf/programs/actor.h"
#include "events/bpf/programs/files.h"
#include "events/bpf/programs/filters.h"

// Whose doings are not told. By the task: not every kind of program may ask for the pid.
static __always_inline bool is_ours(struct task_struct* task) {
  const struct wire_settings* const wanted = our_settings();
  return wanted && wanted->self == (__u32)BPF_CORE_READ(task, tgid);
}

// The counters of the program that tells an event of the current task; NULL: it is not to be told, and counted.
static __always_inline struct wire_counters* wanted_by(const struct wire_event* event) {
  struct wire_counters* const counts = counters_of(event->program);
  if (!counts) return NULL;
  counts->seen++;
  if (is_ours((void*)bpf_get_current_task())) {
    counts->filtered++;
    return NULL;
  }
  return is_filtered(event, counts) ? NULL : counts;
}

// What a program of the control group knows of the current task and of its socket.
static __always_inline void begin_socket(struct wire_socket* record, __u16 kind, __u16 program, __u16 action,
                                         __u64 cookie) {
  begin_current(&record->event, kind, program);
  struct task_struct* const task = (void*)bpf_get_current_task();
  record->network_namespace = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
  record->action = action;
  record->cookie = cookie;
}

// The socket that a descriptor of the task is.
static __always_inline struct sock* sock_of(struct task_struct* task, __s32 descriptor) {
  struct socket* const socket = BPF_CORE_READ(file_of(task, descriptor), private_data);
  return BPF_CORE_READ(socket, sk);
}

static __always_inline void read_socket(struct wire_socket* record, struct sock* sock) {
  record->cookie = BPF_CORE_READ(sock, __sk_common.skc_cookie.counter);
  record->network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
  record->family = BPF_CORE_READ(sock, __sk_common.skc_family);
  record->type = BPF_CORE_READ(sock, sk_type);
  record->protocol = BPF_CORE_READ(sock, sk_protocol);
  record->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
  record->remote_port = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
  record->reserved = 0;
  if (record->family == AF_INET) {
    __builtin_memset(record->local, 0, sizeof(record->local));
    __builtin_memset(record->remote, 0, sizeof(record->remote));
    bpf_core_read(record->local, 4, &sock->__sk_common.skc_rcv_saddr);
    bpf_core_read(record->remote, 4, &sock->__sk_common.skc_daddr);
  } else {
    bpf_core_read(record->local, 16, &sock->__sk_common.skc_v6_rcv_saddr);
    bpf_core_read(record->remote, 16, &sock->__sk_common.skc_v6_daddr);
  }
}
