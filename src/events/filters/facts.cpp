#include "events/filters/facts.h"

#include <linux/audit.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <type_traits>

#include "linux/audit/names.h"

namespace osprey::events {
namespace {

constexpr std::uint32_t kUnset = UINT32_MAX;

void add(Facts& facts, const ProcessEvent& event) {
  facts.call = event.syscall;
  facts.arch = event.arch;
  facts.result = event.result;
  if (!event.syscall.starts_with("exec")) return;
  facts.permissions = AUDIT_PERM_EXEC;
  facts.file = &event.executable;
  // Of one that failed the actor is still what it was, and the file may not be there.
  if (event.result >= 0) facts.add_path(event.actor.path);
  if (event.result < 0 && !event.executable.inode) return;
  facts.add_path(event.filename);
  facts.add_path(event.interpreter);
}
void add(Facts& facts, const ExitEvent&) { facts.call = "exit_group"; }
void add(Facts& facts, const SocketEvent& event) {
  facts.call = event.syscall;
  facts.result = event.result;
  facts.family = event.family;
  if (event.action == "bind") facts.permissions = AUDIT_PERM_WRITE;
  facts.add_path(event.socket);
}
void add(Facts& facts, const FileEvent& event) {
  if (event.action == FileAction::gap) return;
  facts.file = &event.file;
  facts.add_path(event.path);
  facts.add_path(event.old_path);
  switch (event.action) {
    case FileAction::attributes_modified:
      facts.permissions = AUDIT_PERM_ATTR;
      break;
    case FileAction::opened:
    case FileAction::accessed:
      facts.permissions = AUDIT_PERM_READ;
      break;
    case FileAction::gap:
      break;
    default:
      facts.permissions = AUDIT_PERM_WRITE;
  }
}
// One operation may have been one of several calls: the kernel has weighed the rule for the call already.
void add(Facts& facts, const ProcessFileEvent& event) {
  facts.result = 0;
  facts.add_path(event.path);
  facts.add_path(event.destination);
  if (event.operation == "read")
    facts.permissions = AUDIT_PERM_READ;
  else if (event.operation != "open" && event.operation != "close")
    facts.permissions = AUDIT_PERM_WRITE;
}
void add(Facts& facts, const KernelModuleEvent& event) {
  facts.call = event.method;
  facts.result = event.result;
  facts.add_path(event.path);
}
void add(Facts& facts, const PrivilegeEvent& event) {
  facts.call = event.syscall;
  facts.result = event.result;
}
void add(Facts& facts, const NamespaceEvent& event) {
  facts.call = event.kind == "umount" ? "umount2" : event.kind;
  facts.result = event.result;
  facts.add_path(event.target_path);
  facts.add_path(event.source_path);
}
void add(Facts& facts, const PtraceEvent& event) {
  facts.call = event.method;
  facts.result = event.result;
}
void add(Facts& facts, const BpfLoadEvent& event) {
  facts.call = "bpf";
  facts.result = event.result;
}
void add(Facts& facts, const UserEvent& event) { facts.record = static_cast<std::uint32_t>(event.type); }
void add(Facts& facts, const MacEvent& event) { facts.record = linux::record_type(event.type).value_or(0); }
void add(Facts& facts, const AppArmorEvent& event) {
  facts.record = linux::record_type(event.type).value_or(0);
  facts.add_path(event.name);
}
void add(Facts& facts, const SeccompEvent&) { facts.record = AUDIT_SECCOMP; }

// Others have nothing beside their actor.
void add(Facts&, const auto&) {}

// What is unset is empty in an event, as is what nobody knows: whose user is known, of that all is.
std::optional<std::uint32_t> unless_set(const Actor& actor, std::optional<std::uint32_t> id) noexcept {
  return id || !actor.ids.uid ? id : kUnset;
}

std::optional<std::uint32_t> id_of(const Facts& facts, std::uint32_t field) noexcept {
  if (!facts.actor) return std::nullopt;
  const auto& actor = *facts.actor;
  const auto& ids = actor.ids;
  const auto pid = [](std::int64_t number) {
    return number > 0 ? std::optional(static_cast<std::uint32_t>(number)) : std::nullopt;
  };
  switch (field) {
    case AUDIT_PID:
      return pid(actor.process.pid);
    case AUDIT_PPID:
      return pid(actor.parent.pid);
    case AUDIT_UID:
      return ids.uid;
    case AUDIT_EUID:
      return ids.euid;
    case AUDIT_SUID:
      return ids.suid;
    case AUDIT_FSUID:
      return ids.fsuid;
    case AUDIT_GID:
      return ids.gid;
    case AUDIT_EGID:
      return ids.egid;
    case AUDIT_SGID:
      return ids.sgid;
    case AUDIT_FSGID:
      return ids.fsgid;
    case AUDIT_LOGINUID:
      return unless_set(actor, ids.login_uid);
    case AUDIT_SESSIONID:
      return unless_set(actor, ids.session);
    case AUDIT_LOGINUID_SET:
      return ids.uid || ids.login_uid ? std::optional<std::uint32_t>(ids.login_uid.has_value()) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<std::uint32_t> of_file(const Facts& facts, std::uint32_t field) noexcept {
  if (!facts.file) return std::nullopt;
  const auto& file = *facts.file;
  const auto of_device = [&](auto part) {
    return file.device ? std::optional<std::uint32_t>(part(*file.device)) : std::nullopt;
  };
  switch (field) {
    case AUDIT_INODE:
      return file.inode ? std::optional(static_cast<std::uint32_t>(*file.inode)) : std::nullopt;
    case AUDIT_DEVMAJOR:
      return of_device([](auto device) { return major(device); });
    case AUDIT_DEVMINOR:
      return of_device([](auto device) { return minor(device); });
    case AUDIT_OBJ_UID:
      return file.uid;
    case AUDIT_OBJ_GID:
      return file.gid;
    case AUDIT_FILETYPE:
      return file.mode ? std::optional(*file.mode & S_IFMT) : std::nullopt;
    default:
      return std::nullopt;
  }
}

struct Compared {
  std::uint32_t comparison, left, right;
};
constexpr Compared kCompared[] = {
    {AUDIT_COMPARE_UID_TO_OBJ_UID, AUDIT_UID, AUDIT_OBJ_UID},
    {AUDIT_COMPARE_GID_TO_OBJ_GID, AUDIT_GID, AUDIT_OBJ_GID},
    {AUDIT_COMPARE_EUID_TO_OBJ_UID, AUDIT_EUID, AUDIT_OBJ_UID},
    {AUDIT_COMPARE_EGID_TO_OBJ_GID, AUDIT_EGID, AUDIT_OBJ_GID},
    {AUDIT_COMPARE_AUID_TO_OBJ_UID, AUDIT_LOGINUID, AUDIT_OBJ_UID},
    {AUDIT_COMPARE_SUID_TO_OBJ_UID, AUDIT_SUID, AUDIT_OBJ_UID},
    {AUDIT_COMPARE_SGID_TO_OBJ_GID, AUDIT_SGID, AUDIT_OBJ_GID},
    {AUDIT_COMPARE_FSUID_TO_OBJ_UID, AUDIT_FSUID, AUDIT_OBJ_UID},
    {AUDIT_COMPARE_FSGID_TO_OBJ_GID, AUDIT_FSGID, AUDIT_OBJ_GID},
    {AUDIT_COMPARE_UID_TO_AUID, AUDIT_UID, AUDIT_LOGINUID},
    {AUDIT_COMPARE_UID_TO_EUID, AUDIT_UID, AUDIT_EUID},
    {AUDIT_COMPARE_UID_TO_FSUID, AUDIT_UID, AUDIT_FSUID},
    {AUDIT_COMPARE_UID_TO_SUID, AUDIT_UID, AUDIT_SUID},
    {AUDIT_COMPARE_AUID_TO_FSUID, AUDIT_LOGINUID, AUDIT_FSUID},
    {AUDIT_COMPARE_AUID_TO_SUID, AUDIT_LOGINUID, AUDIT_SUID},
    {AUDIT_COMPARE_AUID_TO_EUID, AUDIT_LOGINUID, AUDIT_EUID},
    {AUDIT_COMPARE_EUID_TO_SUID, AUDIT_EUID, AUDIT_SUID},
    {AUDIT_COMPARE_EUID_TO_FSUID, AUDIT_EUID, AUDIT_FSUID},
    {AUDIT_COMPARE_SUID_TO_FSUID, AUDIT_SUID, AUDIT_FSUID},
    {AUDIT_COMPARE_GID_TO_EGID, AUDIT_GID, AUDIT_EGID},
    {AUDIT_COMPARE_GID_TO_FSGID, AUDIT_GID, AUDIT_FSGID},
    {AUDIT_COMPARE_GID_TO_SGID, AUDIT_GID, AUDIT_SGID},
    {AUDIT_COMPARE_EGID_TO_FSGID, AUDIT_EGID, AUDIT_FSGID},
    {AUDIT_COMPARE_EGID_TO_SGID, AUDIT_EGID, AUDIT_SGID},
    {AUDIT_COMPARE_SGID_TO_FSGID, AUDIT_SGID, AUDIT_FSGID},
};

// Of what has an architecture nobody told us: programs of this machine.
std::optional<std::uint32_t> arch_of(const Facts& facts) noexcept {
  for (const auto arch :
       {linux::AuditArch::x86_64, linux::AuditArch::i386, linux::AuditArch::x32, linux::AuditArch::aarch64})
    if (linux::name_of(arch) == facts.arch) return linux::audit_arch_number(arch);
  const auto native = linux::native_arch();
  return native ? std::optional(linux::audit_arch_number(*native)) : std::nullopt;
}

}  // namespace

Facts facts_of(AnyEvent event) noexcept {
  return std::visit(
      []<class Event>(const Event* one) {
        Facts facts;
        if constexpr (requires { one->actor; }) facts.actor = &one->actor;
        add(facts, *one);
        return facts;
      },
      event);
}

std::optional<std::uint32_t> number_of(const Facts& facts, std::uint32_t field) noexcept {
  switch (field) {
    case AUDIT_ARCH:
      return arch_of(facts);
    case AUDIT_EXIT:
      return facts.result ? std::optional(static_cast<std::uint32_t>(*facts.result)) : std::nullopt;
    case AUDIT_MSGTYPE:
      return facts.record != 0 ? std::optional(facts.record) : std::nullopt;
    case AUDIT_SADDR_FAM:
      return facts.family ? std::optional(static_cast<std::uint32_t>(*facts.family)) : std::nullopt;
    case AUDIT_INODE:
    case AUDIT_DEVMAJOR:
    case AUDIT_DEVMINOR:
    case AUDIT_OBJ_UID:
    case AUDIT_OBJ_GID:
    case AUDIT_FILETYPE:
      return of_file(facts, field);
    default:
      return id_of(facts, field);
  }
}

std::optional<Sides> sides_of(const Facts& facts, std::uint32_t comparison) noexcept {
  for (const auto& one : kCompared) {
    if (one.comparison != comparison) continue;
    const auto left = number_of(facts, one.left);
    const auto right = number_of(facts, one.right);
    return left && right ? std::optional(Sides{*left, *right}) : std::nullopt;
  }
  return std::nullopt;
}

bool is_for_the_kernel(std::uint32_t field) noexcept {
  switch (field) {
    case AUDIT_ARG0:
    case AUDIT_ARG1:
    case AUDIT_ARG2:
    case AUDIT_ARG3:
    case AUDIT_PERS:
    case AUDIT_FSTYPE:
    case AUDIT_SUBJ_USER:
    case AUDIT_SUBJ_ROLE:
    case AUDIT_SUBJ_TYPE:
    case AUDIT_SUBJ_SEN:
    case AUDIT_SUBJ_CLR:
    case AUDIT_OBJ_USER:
    case AUDIT_OBJ_ROLE:
    case AUDIT_OBJ_TYPE:
    case AUDIT_OBJ_LEV_LOW:
    case AUDIT_OBJ_LEV_HIGH:
      return true;
    default:
      return false;
  }
}

}  // namespace osprey::events
