#include "linux/audit/control.h"

#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>

#include "base/interrupt.h"
#include "linux/netlink/message.h"

namespace osprey::linux {
namespace {

constexpr std::string_view kSubject = "audit";
constexpr std::size_t kReceiveSize = 64 << 10;
constexpr int kReceiveBuffer = 16 << 20;
constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kMostRules = 100'000;

std::unexpected<Error> refused(int code) {
  if (code == EPROTONOSUPPORT || code == EAFNOSUPPORT || code == ECONNREFUSED)
    return std::unexpected(Error{code, std::string(kSubject),
                                 "the kernel has no audit system here: it is not built in, "
                                 "or this is not the first network namespace"});
  if (code == EPERM)
    return std::unexpected(
        Error{code, std::string(kSubject),
              "refused: it needs CAP_AUDIT_CONTROL (to listen, CAP_AUDIT_READ) outside of containers, "
              "and rules that are not locked (enabled = 2)"});
  return system_failure(code, std::string(kSubject));
}

Result<UniqueFd> open_socket(std::uint32_t groups) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT));
  if (!socket) return refused(errno);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = groups;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return refused(errno);
  return socket;
}

Result<void> send(int socket, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, std::string_view body) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = sequence;
  std::string request(reinterpret_cast<const char*>(&header), sizeof header);
  request += body;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket, request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) <
      0)
    return refused(errno);
  return {};
}

// Gives every message of the conversation to `take` until it says true.
template <class Take>
Result<void> receive(int socket, std::uint32_t sequence, Take&& take) {
  const auto deadline = Interrupt::Clock::now() + kPatience;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kReceiveSize);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Interrupt::Clock::now());
    if (left.count() <= 0) return refused(ETIMEDOUT);
    pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&one, 1, static_cast<int>(left.count())) < 0 && errno != EINTR) return refused(errno);
    const auto size = ::recv(socket, buffer.get(), kReceiveSize, 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOBUFS)) continue;
    if (size < 0) return refused(errno);
    if (static_cast<std::size_t>(size) < sizeof(nlmsghdr)) continue;
    nlmsghdr header{};
    std::memcpy(&header, buffer.get(), sizeof header);
    // Records that come to the seat's holder on this very socket have other numbers.
    if (header.nlmsg_seq != sequence || header.nlmsg_type >= AUDIT_FIRST_USER_MSG) continue;
    const std::string_view body(buffer.get() + sizeof header, static_cast<std::size_t>(size) - sizeof header);
    if (header.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr error{};
      std::memcpy(&error, body.data(), std::min(sizeof error, body.size()));
      if (error.error != 0) return refused(-error.error);
    }
    if (TRY(take(header.nlmsg_type, body))) return {};
  }
}

Result<void> command(int socket, std::uint16_t type, std::uint32_t sequence, std::string_view body) {
  TRY(send(socket, type, NLM_F_ACK, sequence, body));
  return receive(socket, sequence, [](std::uint16_t answer, std::string_view) -> Result<bool> {
    return answer == NLMSG_ERROR;  // without an error: done
  });
}

std::string_view bytes_of(const audit_status& status) {
  return {reinterpret_cast<const char*>(&status), sizeof status};
}

Result<void> set_seat(int socket, std::uint32_t sequence, pid_t pid) {
  audit_status status{};
  status.mask = AUDIT_STATUS_PID;
  status.pid = static_cast<std::uint32_t>(pid);
  return command(socket, AUDIT_SET, sequence, bytes_of(status));
}

// As much as we may have: the more fits in, the longer the reader may be kept from reading.
void enlarge(int socket) {
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0)
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
}

}  // namespace

std::optional<AuditStatus> parse_audit_status(std::string_view body) {
  audit_status status{};
  if (body.size() < offsetof(audit_status, feature_bitmap)) return std::nullopt;
  std::memcpy(&status, body.data(), std::min(sizeof status, body.size()));
  AuditStatus made;
  made.enabled = status.enabled;
  made.failure = status.failure;
  made.pid = status.pid;
  made.rate_limit = status.rate_limit;
  made.backlog_limit = status.backlog_limit;
  made.lost = status.lost;
  made.backlog = status.backlog;
  made.features = status.feature_bitmap;
  if (body.size() >= offsetof(audit_status, backlog_wait_time_actual))
    made.backlog_wait_time = status.backlog_wait_time;
  if (body.size() >= sizeof status) made.waited = status.backlog_wait_time_actual;
  return made;
}

std::vector<std::string_view> audit_feature_names(std::uint32_t features) {
  static constexpr std::array<std::string_view, 7> kNames{
      "backlog_limit", "backlog_wait_time", "exe", "exclude_extend", "sessionid", "lost_reset", "filter_fs"};
  std::vector<std::string_view> names;
  for (std::size_t bit = 0; bit < kNames.size(); ++bit)
    if (features >> bit & 1) names.push_back(kNames[bit]);
  return names;
}

std::string_view audit_failure_name(std::uint32_t mode) noexcept {
  static constexpr std::array<std::string_view, 3> kNames{"silent", "printk", "panic"};
  return mode < kNames.size() ? kNames[mode] : std::string_view();
}

Result<AuditControl> AuditControl::open() {
  auto socket = TRY(open_socket(0));
  return AuditControl(std::move(socket));
}

Result<AuditStatus> AuditControl::status() {
  TRY(send(socket_.get(), AUDIT_GET, 0, ++sequence_, {}));
  std::optional<AuditStatus> status;
  TRY(receive(socket_.get(), sequence_, [&](std::uint16_t type, std::string_view body) -> Result<bool> {
    if (type == AUDIT_GET) status = parse_audit_status(body);
    return type == AUDIT_GET;
  }));
  if (!status) return failure(std::string(kSubject), "the kernel's status is too short");
  return *status;
}

Result<AuditLoginFeatures> AuditControl::login_features() {
  TRY(send(socket_.get(), AUDIT_GET_FEATURE, 0, ++sequence_, {}));
  AuditLoginFeatures made;
  TRY(receive(socket_.get(), sequence_, [&](std::uint16_t type, std::string_view body) -> Result<bool> {
    if (type != AUDIT_GET_FEATURE) return false;
    audit_features features{};
    std::memcpy(&features, body.data(), std::min(sizeof features, body.size()));
    made.only_unset = features.features & AUDIT_FEATURE_TO_MASK(AUDIT_FEATURE_ONLY_UNSET_LOGINUID);
    made.immutable = features.features & AUDIT_FEATURE_TO_MASK(AUDIT_FEATURE_LOGINUID_IMMUTABLE);
    return true;
  }));
  return made;
}

Result<void> AuditControl::set(const AuditChange& change) {
  audit_status status{};
  const auto say = [&](std::uint32_t bit, const std::optional<std::uint32_t>& value, std::uint32_t& field) {
    if (!value) return;
    status.mask |= bit;
    field = *value;
  };
  say(AUDIT_STATUS_ENABLED, change.enabled, status.enabled);
  say(AUDIT_STATUS_FAILURE, change.failure, status.failure);
  say(AUDIT_STATUS_BACKLOG_LIMIT, change.backlog_limit, status.backlog_limit);
  say(AUDIT_STATUS_BACKLOG_WAIT_TIME, change.backlog_wait_time, status.backlog_wait_time);
  if (status.mask == 0) return {};
  return command(socket_.get(), AUDIT_SET, ++sequence_, bytes_of(status));
}

Result<std::vector<AuditRule>> AuditControl::rules() {
  TRY(send(socket_.get(), AUDIT_LIST_RULES, 0, ++sequence_, {}));
  std::vector<AuditRule> rules;
  TRY(receive(socket_.get(), sequence_, [&](std::uint16_t type, std::string_view body) -> Result<bool> {
    if (type == NLMSG_DONE) return true;
    if (type != AUDIT_LIST_RULES) return false;
    if (rules.size() >= kMostRules) return failure(std::string(kSubject), "the kernel has too many rules");
    auto rule = decode_audit_rule(body);
    if (!rule) return failure(std::string(kSubject), "a rule of the kernel's is damaged");
    rules.push_back(std::move(*rule));
    return false;
  }));
  return rules;
}

Result<void> AuditControl::add(const AuditRule& rule) {
  auto done = command(socket_.get(), AUDIT_ADD_RULE, ++sequence_, encode(rule));
  if (!done) return std::unexpected(Error{done.error().code, text_of(rule), done.error().message});
  return {};
}

Result<void> AuditControl::remove(const AuditRule& rule) {
  auto gone = rule;
  gone.first = false;
  auto done = command(socket_.get(), AUDIT_DEL_RULE, ++sequence_, encode(gone));
  if (!done) return std::unexpected(Error{done.error().code, text_of(rule), done.error().message});
  return {};
}

Result<AuditReceiver> AuditReceiver::join() {
  auto socket = TRY(open_socket(1U << (AUDIT_NLGRP_READLOG - 1)));
  enlarge(socket.get());
  return AuditReceiver(std::move(socket), false);
}

Result<AuditReceiver> AuditReceiver::take_seat() {
  auto socket = TRY(open_socket(0));
  enlarge(socket.get());
  TRY(set_seat(socket.get(), 1, ::getpid()));
  return AuditReceiver(std::move(socket), true);
}

void AuditReceiver::leave() noexcept {
  if (seated_ && socket_) {
    // Its answer may stand behind many records: another socket of ours may say it as well.
    if (auto other = open_socket(0)) static_cast<void>(set_seat(other->get(), 2, 0));
  }
  seated_ = false;
  socket_.reset();
}

}  // namespace osprey::linux
