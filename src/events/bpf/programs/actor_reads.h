// Included twice by actor.h, with READ and NAMED: what is read of a task, by loads that the verifier follows and by
// calls of a helper.
static __always_inline void NAMED(key_of)(struct wire_key* key, struct task_struct* task) {
  key->pid = READ(task, tgid);
  key->start = READ(task, group_leader, start_boottime);
  key->reserved = 0;
}

static __always_inline void NAMED(ids_of)(struct wire_ids* ids, const struct cred* cred) {
  ids->uid = READ(cred, uid.val);
  ids->euid = READ(cred, euid.val);
  ids->suid = READ(cred, suid.val);
  ids->fsuid = READ(cred, fsuid.val);
  ids->gid = READ(cred, gid.val);
  ids->egid = READ(cred, egid.val);
  ids->sgid = READ(cred, sgid.val);
  ids->fsgid = READ(cred, fsgid.val);
}

static __always_inline void NAMED(actor_of)(struct wire_actor* actor, struct task_struct* task) {
  NAMED(key_of)(&actor->process, task);
  NAMED(key_of)(&actor->parent, READ(task, real_parent));
  NAMED(ids_of)(&actor->ids, READ(task, cred));
  actor->ids.login_uid = bpf_core_field_exists(task->loginuid) ? READ(task, loginuid.val) : WIRE_UNSET;
  actor->ids.session = bpf_core_field_exists(task->sessionid) ? READ(task, sessionid) : WIRE_UNSET;
  actor->tid = READ(task, pid);
  actor->reserved = 0;
  actor->cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
  bpf_probe_read_kernel(actor->name, sizeof(actor->name), &task->comm);
}

static __always_inline void NAMED(begin)(struct wire_event* event, __u16 kind, __u16 program,
                                         struct task_struct* task) {
  event->kind = kind;
  event->program = program;
  event->flags = 0;
  event->moment = bpf_ktime_get_boot_ns();
  NAMED(actor_of)(&event->actor, task);
}
