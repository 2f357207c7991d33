// Who does it: what a task_struct says of its process.
#pragma once

#include "events/bpf/programs/maps.h"

static __always_inline void key_of(struct wire_key* key, struct task_struct* task) {
  key->pid = BPF_CORE_READ(task, tgid);
  key->start = BPF_CORE_READ(task, group_leader, start_boottime);
  key->reserved = 0;
}

static __always_inline void ids_of(struct wire_ids* ids, const struct cred* cred) {
  ids->uid = BPF_CORE_READ(cred, uid.val);
  ids->euid = BPF_CORE_READ(cred, euid.val);
  ids->suid = BPF_CORE_READ(cred, suid.val);
  ids->fsuid = BPF_CORE_READ(cred, fsuid.val);
  ids->gid = BPF_CORE_READ(cred, gid.val);
  ids->egid = BPF_CORE_READ(cred, egid.val);
  ids->sgid = BPF_CORE_READ(cred, sgid.val);
  ids->fsgid = BPF_CORE_READ(cred, fsgid.val);
}

static __always_inline void actor_of(struct wire_actor* actor, struct task_struct* task) {
  key_of(&actor->process, task);
  key_of(&actor->parent, BPF_CORE_READ(task, real_parent));
  ids_of(&actor->ids, BPF_CORE_READ(task, cred));
  actor->ids.login_uid = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) : WIRE_UNSET;
  actor->ids.session = bpf_core_field_exists(task->sessionid) ? BPF_CORE_READ(task, sessionid) : WIRE_UNSET;
  actor->tid = BPF_CORE_READ(task, pid);
  actor->reserved = 0;
  actor->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  bpf_probe_read_kernel(actor->name, sizeof(actor->name), &task->comm);
}

static __always_inline void begin(struct wire_event* event, __u16 kind, __u16 program, struct task_struct* task) {
  event->kind = kind;
  event->program = program;
  event->flags = 0;
  event->moment = bpf_ktime_get_boot_ns();
  actor_of(&event->actor, task);
}
