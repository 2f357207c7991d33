// Processes that begin in namespaces of their own.
#define TYPED_TASKS
#include "events/bpf/programs/actor.h"

RING(security_ring);

#define CLONE_NEWNS 0x00020000
#define CLONE_NEWCGROUP 0x02000000
#define CLONE_NEWUTS 0x04000000
#define CLONE_NEWIPC 0x08000000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct* task, struct task_struct* child) {
  struct nsproxy* const old = task->nsproxy;
  struct nsproxy* const new = child->nsproxy;
  __u64 types = task->cred->user_ns != child->cred->user_ns ? CLONE_NEWUSER : 0;
  if (old != new) {
    if (old->mnt_ns != new->mnt_ns) types |= CLONE_NEWNS;
    if (old->cgroup_ns != new->cgroup_ns) types |= CLONE_NEWCGROUP;
    if (old->uts_ns != new->uts_ns) types |= CLONE_NEWUTS;
    if (old->ipc_ns != new->ipc_ns) types |= CLONE_NEWIPC;
    if (old->pid_ns_for_children != new->pid_ns_for_children) types |= CLONE_NEWPID;
    if (old->net_ns != new->net_ns) types |= CLONE_NEWNET;
  }
  if (!types) return 0;
  struct wire_counters* const counts = counters_of(WIRE_PROGRAM_NAMESPACE);
  if (!counts) return 0;
  counts->seen++;
  struct wire_call record = {};
  begin(&record.event, WIRE_CALL, WIRE_PROGRAM_NAMESPACE, task);
  record.call = WIRE_CALL_CLONE;
  record.arguments[0] = types;
  key_of(&record.target, child);
  record.result = record.target.pid;
  SEND(security_ring, counts, record);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
