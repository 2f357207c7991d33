// Asking and telling the kernel's audit system over netlink (NETLINK_AUDIT; linux/audit.h, kernel/audit.c).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "linux/audit/rule.h"

namespace osprey::linux {

struct AuditStatus {
  std::uint32_t enabled = 0;  // 0, 1; 2: rules and state are locked until the next boot
  std::uint32_t failure = 0;  // what happens when records are lost: 0 nothing, 1 a line of the kernel's log, 2 a panic
  std::uint32_t pid = 0;      // who has the seat: records go to it; 0: nobody, they go to the kernel's log
  std::uint32_t rate_limit = 0;                    // records a second; 0: none
  std::uint32_t backlog_limit = 0;                 // records that may wait; 0: any number
  std::uint32_t lost = 0;                          // records lost since boot
  std::uint32_t backlog = 0;                       // records that wait
  std::uint32_t features = 0;                      // AUDIT_FEATURE_BITMAP_*
  std::optional<std::uint32_t> backlog_wait_time;  // ticks that a full backlog makes a program wait; from Linux 3.14
  std::optional<std::uint32_t> waited;             // ticks that programs have waited; from Linux 5.9
};
// The body of an answer to AUDIT_GET; older kernels send less of it. Empty where even what all have is cut off.
std::optional<AuditStatus> parse_audit_status(std::string_view body);

// What a kernel can do: names of AUDIT_FEATURE_BITMAP_*, "backlog_limit", "exe"…
std::vector<std::string_view> audit_feature_names(std::uint32_t features);
// "silent", "printk", "panic"; empty for others.
std::string_view audit_failure_name(std::uint32_t mode) noexcept;

struct AuditChange {
  std::optional<std::uint32_t> enabled, failure, backlog_limit, backlog_wait_time;
};

// Login uids that cannot be changed, or only when unset (AUDIT_GET_FEATURE).
struct AuditLoginFeatures {
  bool only_unset = false, immutable = false;
};

// A conversation with the kernel. Needs CAP_AUDIT_CONTROL in the first user and pid namespace; the kernel serves the
// first network namespace only. Nothing here takes the seat.
class AuditControl {
 public:
  static Result<AuditControl> open();

  Result<AuditStatus> status();
  Result<AuditLoginFeatures> login_features();
  Result<void> set(const AuditChange& change);
  // In the order in which they are evaluated, a list after the other.
  Result<std::vector<AuditRule>> rules();
  // An error of a rule that is there already: EEXIST.
  Result<void> add(const AuditRule& rule);
  // An error of one that is not there: ENOENT.
  Result<void> remove(const AuditRule& rule);

 private:
  explicit AuditControl(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

// A socket on which records come.
class AuditReceiver {
 public:
  // Of the readers that are told beside the holder of the seat (AUDIT_NLGRP_READLOG, from Linux 3.16, CAP_AUDIT_READ):
  // takes nothing from anybody, a slow reader loses.
  static Result<AuditReceiver> join();
  // Takes the seat. Refused where somebody has it (EEXIST), told by the kernel.
  static Result<AuditReceiver> take_seat();

  // Non-blocking. A datagram is a record: nlmsghdr, then text; its length is the datagram's, not nlmsg_len.
  int socket() const noexcept { return socket_.get(); }
  // Gives the seat back, if it was taken and is still ours.
  void leave() noexcept;

 private:
  explicit AuditReceiver(UniqueFd socket, bool seated) : socket_(std::move(socket)), seated_(seated) {}

  UniqueFd socket_;
  bool seated_ = false;
};

}  // namespace osprey::linux
