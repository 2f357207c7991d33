// Who does it: what a task_struct says of its process.
#pragma once

#include "events/bpf/programs/maps.h"

// A program whose tasks are its own arguments says so (TYPED_TASKS): the verifier knows what those are, and loads from
// them need no call of a helper, which is two thirds of the time.
#ifdef TYPED_TASKS
#define READ(...) ___arrow(__VA_ARGS__)
#else
#define READ(...) BPF_CORE_READ(__VA_ARGS__)
#endif

static __always_inline void key_of(struct wire_key* key, struct task_struct* task) {
  key->pid = READ(task, tgid);
  key->start = READ(task, group_leader, start_boottime);
  key->reserved = 0;
}

static __always_inline void ids_of(struct wire_ids* ids, const struct cred* cred) {
  ids->uid = READ(cred, uid.val);
  ids->euid = READ(cred, euid.val);
  ids->suid = READ(cred, suid.val);
  ids->fsuid = READ(cred, fsuid.val);
  ids->gid = READ(cred, gid.val);
  ids->egid = READ(cred, egid.val);
  ids->sgid = READ(cred, sgid.val);
  ids->fsgid = READ(cred, fsgid.val);
}

static __always_inline void actor_of(struct wire_actor* actor, struct task_struct* task) {
  key_of(&actor->process, task);
  key_of(&actor->parent, READ(task, real_parent));
  ids_of(&actor->ids, READ(task, cred));
  actor->ids.login_uid = bpf_core_field_exists(task->loginuid) ? READ(task, loginuid.val) : WIRE_UNSET;
  actor->ids.session = bpf_core_field_exists(task->sessionid) ? READ(task, sessionid) : WIRE_UNSET;
  actor->tid = READ(task, pid);
  actor->reserved = 0;
  actor->cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
  bpf_probe_read_kernel(actor->name, sizeof(actor->name), &task->comm);
}

static __always_inline void begin(struct wire_event* event, __u16 kind, __u16 program, struct task_struct* task) {
  event->kind = kind;
  event->program = program;
  event->flags = 0;
  event->moment = bpf_ktime_get_boot_ns();
  actor_of(&event->actor, task);
}
