// The system calls that audit is asked for, and what each is about.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "linux/audit/names.h"

namespace osprey::events::audit {

enum class Call : std::uint8_t {
  other,
  // processes
  exec,
  fork,
  clone,
  clone3,
  kill,
  thread_kill,
  group_kill,
  // sockets
  bind,
  connect,
  accept,
  socketcall,
  // modules, tracing, namespaces, rights, BPF
  load_module,
  unload_module,
  ptrace,
  memory_read,
  memory_write,
  unshare,
  setns,
  mount,
  umount,
  move_mount,
  pivot_root,
  chroot,
  set_user,
  set_group,
  capset,
  bpf,
  // files
  open,
  open_at,
  open_how,
  create,
  make_node,
  open_handle,
  close,
  duplicate,
  read,
  write,
  map,
  truncate,
  truncate_open,
  link,
  symlink,
  rename,
  unlink,
};

struct CallName {
  std::string_view name;
  Call call;
};
// All that have a meaning; those that an architecture lacks too.
std::span<const CallName> call_names() noexcept;

struct KnownCall {
  Call call = Call::other;
  std::string_view name;  // of the kernel's table, "setuid32" too
  std::optional<linux::AuditArch> arch;
};
// What a SYSCALL record is about.
KnownCall known_call(std::uint32_t arch, std::uint32_t number) noexcept;

}  // namespace osprey::events::audit
