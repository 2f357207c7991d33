// What changes rights, and what the kernel's security parts say (kernel_module_events, privilege_events,
// namespace_events, ptrace_events, bpf_load_events, user_events, selinux_events, apparmor_events, seccomp_events,
// authentication_events).
#pragma once

#include <string_view>
#include <vector>

#include "events/kinds/actor.h"

namespace osprey::events {

struct KernelModuleEvent {
  static constexpr std::string_view kFamily = "kernel_module";

  Header header;
  Actor actor;
  std::string_view action;  // "load", "unload"
  std::string_view name, path, parameters;
  std::string_view method;  // "init_module", "finit_module", "delete_module"
  std::string_view sha256, taints;
  std::optional<bool> is_signed;
  std::int64_t result = 0;  // 0 or -errno

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(action)(name)(path)(parameters)(method)(sha256)(taints)(is_signed)(result);
  }
};

struct PrivilegeEvent {
  static constexpr std::string_view kFamily = "privilege";

  Header header;
  Actor actor;            // with the new ids
  std::string_view kind;  // "setuid", "setgid", "suid_exec", "capset", "user_namespace", "exec"
  std::string_view syscall;
  Credentials before;
  std::optional<std::uint64_t> old_capabilities, new_capabilities;  // effective, as CAP_ bits
  bool via_suid = false;
  std::optional<bool> expected;  // false: rights that nothing gave; empty: nobody can tell
  std::int64_t result = 0;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(kind)(syscall)(before)(old_capabilities)(new_capabilities)(via_suid)(expected)(result);
  }
};

struct NamespaceEvent {
  static constexpr std::string_view kFamily = "namespace";

  Header header;
  Actor actor;
  std::string_view kind;    // "unshare", "setns", "clone", "mount", "umount", "move_mount", "pivot_root", "chroot"
  std::uint64_t types = 0;  // CLONE_NEW* bits
  ProcessKey target;
  std::string_view source_path, target_path, filesystem;
  std::uint64_t flags = 0;  // of mount(2)
  std::int64_t result = 0;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(kind)(types)(target)(source_path)(target_path)(filesystem)(flags)(result);
  }
};

struct PtraceEvent {
  static constexpr std::string_view kFamily = "ptrace";

  Header header;
  Actor actor;
  std::string_view request;  // "PTRACE_ATTACH"…
  std::string_view method;   // "ptrace", "process_vm_writev", "process_vm_readv", "proc_mem"
  ProcessKey target;
  std::string_view target_path;
  std::optional<std::uint32_t> target_uid;
  std::int64_t result = 0;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(request)(method)(target)(target_path)(target_uid)(result);
  }
};

struct BpfLoadEvent {
  static constexpr std::string_view kFamily = "bpf_load";

  Header header;
  Actor actor;
  std::string_view action;  // "load", "attach", "unload"
  std::uint32_t program_id = 0;
  std::string_view program_type, name, tag, attach_target;
  std::vector<std::string_view> helpers;
  std::int64_t result = 0;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(action)(program_id)(program_type)(name)(tag)(attach_target)(helpers)(result);
  }
};

// Records of types 1100 to 1199 (linux/audit.h): what programs tell the audit system.
struct UserEvent {
  static constexpr std::string_view kFamily = "user";

  Header header;
  Actor actor;
  std::int64_t type = 0;
  std::string_view message, address, terminal;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(type)(message)(address)(terminal);
  }
};

// What SELinux and its kin tell, as it stands.
struct MacEvent {
  static constexpr std::string_view kFamily = "selinux";

  Header header;
  std::string_view type, message;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(type)(message);
  }
};

struct AppArmorEvent {
  static constexpr std::string_view kFamily = "apparmor";

  Header header;
  Actor actor;
  std::string_view type, message;
  std::string_view verdict;  // "DENIED", "ALLOWED", "STATUS"
  std::string_view operation, profile, name, denied_mask, capname, requested_mask, info, error, name_space, label;
  std::optional<std::uint32_t> fsuid, ouid;
  std::optional<std::int64_t> capability;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(type)(message)(verdict)(operation)(profile)(name)(denied_mask)(capname)(requested_mask);
    field(info)(error)(name_space)(label)(fsuid)(ouid)(capability);
  }
};

struct SeccompEvent {
  static constexpr std::string_view kFamily = "seccomp";

  Header header;
  Actor actor;
  std::int64_t signal = 0;
  std::string_view arch;  // hexadecimal, as audit has it
  std::int64_t syscall = 0;
  std::int64_t compat = 0;
  std::string_view ip, code;  // hexadecimal

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(signal)(arch)(syscall)(compat)(ip)(code);
  }
};

struct AuthenticationEvent {
  static constexpr std::string_view kFamily = "authentication";

  Header header;
  Actor actor;
  std::string_view action;   // "authentication", "login", "session_open", "session_close", "command"…
  std::string_view outcome;  // "success", "failure"
  std::string_view service, method, username, target_user, remote_address, tty, key_fingerprint, command, message;
  std::optional<std::uint16_t> remote_port;
  bool verified = true;                  // the sender is who it says
  std::string_view source;               // "journal", "socket", "pipe", "audit"
  std::optional<std::int64_t> told_pid;  // as the line has it: of no use where the kernel told the sender's
  std::uint32_t times = 1;               // that it happened

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(action)(outcome)(service)(method)(username)(target_user)(remote_address)(tty)(key_fingerprint);
    field(command)(message)(remote_port)(verified)(source)(told_pid)(times);
  }
};

}  // namespace osprey::events
