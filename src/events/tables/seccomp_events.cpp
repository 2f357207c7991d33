#include <linux/seccomp.h>

#include "base/text.h"
#include "events/tables/table.h"
#include "linux/audit/names.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<SeccompEvent>;

std::optional<linux::AuditArch> arch_of(const Row& row) {
  const auto number = parse<std::uint32_t>(row.event.arch, 16);
  return number ? linux::audit_arch(*number, static_cast<std::uint32_t>(row.event.syscall)) : std::nullopt;
}

std::string arch(const Row& row) {
  const auto known = arch_of(row);
  return std::string(known ? linux::name_of(*known) : row.event.arch);
}

std::string syscall(const Row& row) {
  const auto known = arch_of(row);
  const auto name =
      known ? linux::syscall_name(*known, static_cast<std::uint32_t>(row.event.syscall)) : std::string_view();
  return name.empty() ? std::to_string(row.event.syscall) : std::string(name);
}

// seccomp(2)'s word for what the filter said, its number where there is none.
std::string code(const Row& row) {
  auto digits = row.event.code;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  const auto number = parse<std::uint32_t>(digits, 16);
  if (!number) return std::string(row.event.code);
  switch (*number & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_KILL_PROCESS:
      return "KILL_PROCESS";
    case SECCOMP_RET_KILL_THREAD:
      return "KILL_THREAD";
    case SECCOMP_RET_TRAP:
      return "TRAP";
    case SECCOMP_RET_ERRNO:
      return "ERRNO";
    case SECCOMP_RET_USER_NOTIF:
      return "USER_NOTIF";
    case SECCOMP_RET_TRACE:
      return "TRACE";
    case SECCOMP_RET_LOG:
      return "LOG";
    case SECCOMP_RET_ALLOW:
      return "ALLOW";
    default:
      return std::string(row.event.code);
  }
}

template <class Number>
std::uint64_t unset_is_known(const std::optional<Number>& value) {
  return value.value_or(UINT32_MAX);
}

}  // namespace

Table seccomp_events() {
  return event_table<SeccompEvent>("seccomp_events", "System calls that a seccomp filter acted on.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("uptime", BIGINT, row::uptime, "The same, in seconds since the machine was started.")
      .column(
          "auid", UNSIGNED_BIGINT, [](const Row& row) { return unset_is_known(row.event.actor.ids.login_uid); },
          "User that logged in; 4294967295 where nobody did.")
      .column(
          "uid", UNSIGNED_BIGINT, [](const Row& row) { return unset_is_known(row.event.actor.ids.uid); },
          "User of the process.")
      .column(
          "gid", UNSIGNED_BIGINT, [](const Row& row) { return unset_is_known(row.event.actor.ids.gid); },
          "Group of the process.")
      .column(
          "ses", UNSIGNED_BIGINT, [](const Row& row) { return unset_is_known(row.event.actor.ids.session); },
          "Audit's session; 4294967295 where there is none.")
      .column(
          "pid", UNSIGNED_BIGINT,
          [](const Row& row) { return static_cast<std::uint64_t>(row.event.actor.process.pid); }, "Process id.")
      .column("comm", TEXT, row::name, "Name of the process.")
      .column("exe", TEXT, row::path, "Executable.")
      .column("sig", BIGINT, row::field<&SeccompEvent::signal>, "Signal that the process got.")
      .column("arch", TEXT, arch, "Architecture of the call: x86_64, i386…")
      .column("syscall", TEXT, syscall, "The system call.")
      .column("compat", BIGINT, row::field<&SeccompEvent::compat>, "1 if it was made as a 32-bit one.")
      .column("ip", TEXT, row::field<&SeccompEvent::ip>, "Where in the program it was made.")
      .column("code", TEXT, code, "What the filter did: KILL_PROCESS, ERRNO, LOG…")
      .example("SELECT time, exe, syscall FROM seccomp_events WHERE code LIKE 'KILL%'");
}

}  // namespace osprey::events::tables
