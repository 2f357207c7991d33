#include <fmt/format.h>
#include <fmt/ranges.h>
#include <time.h>
#include <unistd.h>

#include "linux/audit/control.h"
#include "linux/audit/role.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  linux::AuditStatus status;
  const Root* root;
  std::string_view our_mode;

  std::optional<std::int64_t> holder_pid() const {
    return status.pid == 0 ? std::nullopt : std::optional<std::int64_t>(status.pid);
  }
  std::optional<std::string> holder_name() const {
    if (status.pid == 0) return std::nullopt;
    const auto name = root->read_trimmed(fmt::format("/proc/{}/comm", status.pid));
    return name ? std::optional(*name) : std::nullopt;
  }
  std::string features() const {
    return fmt::format("{}", fmt::join(linux::audit_feature_names(status.features), ","));
  }
};

// The kernel counts these in its own ticks, which are as long as a coarse clock's steps.
std::optional<std::int64_t> milliseconds(const std::optional<std::uint32_t>& ticks) {
  timespec tick{};
  if (!ticks || ::clock_getres(CLOCK_REALTIME_COARSE, &tick) != 0) return std::nullopt;
  return static_cast<std::int64_t>(*ticks) * (tick.tv_nsec / 1000) / 1000;
}

Result<linux::AuditStatus> ask() {
  auto control = TRY(linux::AuditControl::open());
  return control.status();
}

Rows<Handle> scan(const Scan& scan) {
  const auto* role = scan.service<linux::AuditRole>();
  const auto status = scan.take(linux::ask_audit<linux::AuditStatus>(role, ask));
  if (!status) co_return;
  Handle handle{.status = *status, .root = &scan.root(), .our_mode = role ? role->mode() : "none"};
  co_yield handle;
}

}  // namespace

Table audit_status() {
  return table("audit_status", "The kernel's audit system: whether it is on, who reads it, what it lost.", scan)
      .column(
          "enabled", INTEGER, [](const Handle& h) { return h.status.enabled; },
          "0 off, 1 on, 2 locked until the next start.")
      .column(
          "failure_mode", TEXT, [](const Handle& h) { return linux::audit_failure_name(h.status.failure); },
          "What the kernel does when records are lost: silent, printk or panic.")
      .column("holder_pid", BIGINT, &Handle::holder_pid, "The process that records go to; empty: nobody.")
      .column("holder_name", TEXT, &Handle::holder_name, "Its name.")
      .column("our_mode", TEXT, &Handle::our_mode,
              "How this program gets records: unicast, multicast, dispatcher, log or none.")
      .column(
          "rate_limit", BIGINT, [](const Handle& h) { return h.status.rate_limit; }, "Records a second; 0: no limit.")
      .column(
          "backlog_limit", BIGINT, [](const Handle& h) { return h.status.backlog_limit; },
          "Records that may wait for the reader.")
      .column(
          "backlog", BIGINT, [](const Handle& h) { return h.status.backlog; }, "Records that wait.")
      .column(
          "backlog_wait_ms", BIGINT, [](const Handle& h) { return milliseconds(h.status.backlog_wait_time); },
          "How long a full backlog makes a program wait, in milliseconds.")
      .column(
          "wait_sum", BIGINT, [](const Handle& h) { return milliseconds(h.status.waited); },
          "How long programs have waited, in milliseconds.")
      .column(
          "lost", BIGINT, [](const Handle& h) { return h.status.lost; },
          "Records that the kernel lost since it started.")
      .column("features", TEXT, &Handle::features, "What this kernel's audit system can do, separated by commas.")
      .column(
          "locked", INTEGER, [](const Handle& h) { return h.status.enabled == 2; },
          "1 if rules and settings cannot be changed until the next start.")
      .host_only()
      .example("SELECT enabled, holder_name, our_mode, lost FROM audit_status")
      .note("The kernel answers root only, and no container.");
}

}  // namespace osprey::tables
