#include "tables/processes/open_sockets.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "linux/procfs/net_sockets.h"
#include "tables/entries_of.h"

namespace osprey::tables {
namespace {

constexpr int kAnyFamily = AF_UNSPEC;
constexpr int kAnyProtocol = -1;
constexpr std::size_t kTableCap = 256 << 20;  // a million sockets

// A table of sockets that the kernel keeps.
struct SocketTable {
  const char* file;  // below /proc/PID; null where only netlink tells it
  int family;
  int protocol;
  bool only_if_named;
};
constexpr SocketTable kTables[] = {
    {"net/icmp", AF_INET, IPPROTO_ICMP, false},
    {"net/icmp6", AF_INET6, IPPROTO_ICMP, false},
    {"net/tcp", AF_INET, IPPROTO_TCP, false},
    {"net/tcp6", AF_INET6, IPPROTO_TCP, false},
    {"net/udp", AF_INET, IPPROTO_UDP, false},
    {"net/udp6", AF_INET6, IPPROTO_UDP, false},
    {"net/udplite", AF_INET, IPPROTO_UDPLITE, false},
    {"net/udplite6", AF_INET6, IPPROTO_UDPLITE, false},
    {"net/raw", AF_INET, IPPROTO_RAW, false},
    {"net/raw6", AF_INET6, IPPROTO_RAW, false},
    {"net/unix", AF_UNIX, 0, false},
    {"net/packet", AF_PACKET, kAnyProtocol, false},
    {"net/sctp/eps", kAnyFamily, IPPROTO_SCTP, true},
    {nullptr, AF_INET, linux::kProtocolMptcp, true},
    {nullptr, AF_INET6, linux::kProtocolMptcp, true},
    {nullptr, AF_VSOCK, 0, true},
};

bool has_tcp_states(int family, int protocol) {
  return protocol == IPPROTO_TCP || protocol == linux::kProtocolMptcp || family == AF_VSOCK;
}

bool among(const std::optional<std::vector<std::int64_t>>& keys, int value) {
  return keys && std::ranges::binary_search(*keys, value);
}

std::optional<std::string> non_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

std::string_view OpenSocket::state() const {
  if (has_tcp_states(socket->family, socket->protocol)) return linux::tcp_state_name(socket->state);
  return socket->family == AF_PACKET ? "NONE" : "";
}

Result<std::optional<std::string>> OpenSocket::container_id() const {
  if (pid < 0) return std::nullopt;
  return transform(all->owner(static_cast<pid_t>(pid)), [](auto& owner) { return non_empty(owner.container_id); });
}

Result<std::optional<std::string>> OpenSocket::unit() const {
  if (pid < 0) return std::nullopt;
  return transform(all->owner(static_cast<pid_t>(pid)), [](auto& owner) { return non_empty(owner.unit); });
}

Result<std::optional<std::uint32_t>> OpenSocket::uid() const {
  if (socket->uid || pid < 0) return socket->uid;
  // Not in the table, but the socket's inode has an owner.
  const linux::Process holder(all->proc(), static_cast<pid_t>(pid));
  return transform(holder.stat_target(fmt::format("fd/{}", fd).c_str()),
                   [](const struct statx& info) { return std::optional(info.stx_uid); });
}

OpenSockets::OpenSockets(const Scan& scan, linux::Proc proc, std::uint32_t states)
    : scan_(scan),
      proc_(std::move(proc)),
      states_(states),
      families_(scan.integers("family")),
      protocols_(scan.integers("protocol")) {}

Result<OpenSockets> OpenSockets::open(const Scan& scan, std::uint32_t states) {
  OpenSockets sockets(scan, TRY(linux::Proc::open(scan.root())), states);
  const auto asked = scan.integers("pid");
  sockets.everybody_ = !asked || among(asked, -1);
  if (scan.root().is_host()) {
    if (const auto own = linux::Process(sockets.proc_, ::getpid()).namespace_inode("ns/net"))
      sockets.own_namespace_ = *own;
    if (auto diag = linux::SockDiag::open(scan.root())) sockets.sock_diag_ = std::move(*diag);
    if (sockets.everybody_ && sockets.own_namespace_) sockets.namespace_of(*sockets.own_namespace_);
  }
  const auto pids =
      sockets.everybody_ ? TRY(sockets.proc_.pids()) : scan.keys<pid_t>("pid", [] { return std::vector<pid_t>{}; });
  for (const auto pid : pids) {
    if (scan.interrupted()) break;
    if (pid > 0) sockets.look_at(pid);
  }
  std::ranges::sort(sockets.holders_);
  return sockets;
}

OpenSockets::Namespace& OpenSockets::namespace_of(std::uint64_t inode) {
  auto found = std::ranges::find(namespaces_, inode, &Namespace::inode);
  if (found == namespaces_.end()) found = namespaces_.insert(found, Namespace{inode, {}});
  return *found;
}

void OpenSockets::look_at(pid_t pid) {
  const linux::Process process(proc_, pid);
  if (const auto opened = process.open(); !opened) return scan_.warn(opened.error());
  const auto space = scan_.take(process.namespace_inode("ns/net"));
  if (space) namespace_of(*space).members.push_back(pid);
  auto descriptors = scan_.take(linux::Descriptors::open(process));
  if (!descriptors) return;
  for (const auto number : descriptors->numbers())
    if (const auto inode = linux::bracketed_inode(descriptors->target(number), "socket"))
      holders_.push_back({*inode, pid, number});
}

bool OpenSockets::is_asked(int family, int protocol, bool only_if_named) const {
  if (family != kAnyFamily && families_ && !among(families_, family)) return false;
  if (protocol != kAnyProtocol && protocols_ && !among(protocols_, protocol)) return false;
  return !only_if_named || (family == AF_VSOCK ? among(families_, family) : among(protocols_, protocol));
}

std::span<const linux::Socket> OpenSockets::next() {
  sockets_.clear();
  // Without a holder that was asked for there is nothing to tell.
  if (!everybody_ && holders_.empty()) return {};
  while (next_namespace_ < namespaces_.size() && !scan_.interrupted()) {
    namespace_ = &namespaces_[next_namespace_];
    read_table(next_table_);
    if (++next_table_ == std::size(kTables)) {
      next_table_ = 0;
      ++next_namespace_;
    }
    if (!sockets_.empty()) return sockets_;
  }
  return {};
}

void OpenSockets::read_table(std::size_t index) {
  const auto& [file, family, protocol, only_if_named] = kTables[index];
  if (!is_asked(family, protocol, only_if_named)) return;
  if (sock_diag_ && namespace_->inode == own_namespace_ && sock_diag_->knows(family, protocol)) {
    // Other protocols use few of the states, and tell nothing by them.
    const auto states = has_tcp_states(family, protocol) ? states_ : ~0u;
    if (auto dumped = scan_.take(sock_diag_->dump(family, protocol, states, scan_.interrupt()))) {
      sockets_ = std::move(*dumped);
      return;
    }
  }
  if (file) read_file(file, family, protocol);
}

void OpenSockets::read_file(const char* file, int family, int protocol) {
  // Members may have ended since they were looked at.
  for (const auto pid : namespace_->members) {
    const auto text = linux::Process(proc_, pid).read(file, kTableCap);
    if (!text) {
      if (!text.error().absent()) return scan_.warn(text.error());
      if (linux::Process(proc_, pid).namespace_inode("ns/net") == namespace_->inode) return;  // no such protocol
      continue;
    }
    auto parsed = linux::parse_net_table(*text, family, protocol);
    warn_skipped(scan_, fmt::format("/proc/{}/{}", pid, file), parsed.broken_lines);
    sockets_ = std::move(parsed.sockets);
    std::erase_if(sockets_, [&](const linux::Socket& socket) {
      return has_tcp_states(family, protocol) && socket.state < 32 && !(states_ >> socket.state & 1);
    });
    return;
  }
}

std::span<const OpenSocket> OpenSockets::holders(const linux::Socket& socket) {
  found_.clear();
  if (socket.inode != 0) {
    const auto same = std::ranges::equal_range(holders_, socket.inode, {}, &Holder::inode);
    for (const auto& holder : same) found_.push_back({this, &socket, namespace_->inode, holder.pid, holder.fd});
  }
  if (found_.empty() && everybody_) found_.push_back({this, &socket, namespace_->inode});
  return found_;
}

Result<linux::CgroupOwner> OpenSockets::owner(pid_t pid) {
  auto known = owners_.find(pid);
  if (known == owners_.end())
    known = owners_.emplace(pid, transform(linux::Process(proc_, pid).cgroups(), linux::parse_process_cgroups)).first;
  return known->second;
}

}  // namespace osprey::tables
