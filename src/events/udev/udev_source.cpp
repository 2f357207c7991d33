#include "events/udev/udev_source.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace osprey::events {
namespace {

constexpr std::uint32_t kFromKernel = 1;  // groups, as bits
constexpr std::uint32_t kFromUdevd = 2;
constexpr int kBuffer = 4 << 20;
constexpr std::size_t kMessage = 64 << 10;
constexpr std::string_view kName = "uevents";

}  // namespace

Result<void> UdevSource::open(const Demand&) {
  if (socket_) return {};
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!socket) return system_failure(std::string(kName));
  // Without CAP_NET_ADMIN what the system allows.
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) != 0)
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kFromKernel | kFromUdevd;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_failure(std::string(kName));
  socket_ = std::move(socket);
  return {};
}

Result<bool> UdevSource::next(EventSink& sink, std::size_t most) {
  const auto bytes = std::make_unique_for_overwrite<char[]>(kMessage);
  // udevd sends on all that the kernel tells.
  const bool has_udevd = root_.exists("/run/udev/control");
  for (const auto enough = kept_ + most; kept_ < enough;) {
    sockaddr_nl from{};
    iovec piece{bytes.get(), kMessage};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
    msghdr head{};
    head.msg_name = &from;
    head.msg_namelen = sizeof from;
    head.msg_iov = &piece;
    head.msg_iovlen = 1;
    head.msg_control = control.data();
    head.msg_controllen = control.size();
    const auto size = ::recvmsg(socket_.get(), &head, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      ++dropped_;
      continue;
    }
    if (size < 0 && errno == EAGAIN) return false;
    if (size < 0) return system_failure(std::string(kName));
    // Whoever sends as udevd must be root; the kernel has no port.
    ucred sender{.pid = 0, .uid = UINT32_MAX, .gid = 0};
    if (const auto* part = CMSG_FIRSTHDR(&head); part && part->cmsg_type == SCM_CREDENTIALS)
      std::memcpy(&sender, CMSG_DATA(part), sizeof sender);
    const bool from_udevd = from.nl_groups == kFromUdevd && sender.uid == 0;
    const bool from_kernel = from.nl_groups == kFromKernel && from.nl_pid == 0;
    const auto uevent = (from_udevd || from_kernel) && (head.msg_flags & MSG_TRUNC) == 0
                            ? parse_uevent_message({bytes.get(), static_cast<std::size_t>(size)})
                            : std::nullopt;
    if (!uevent || uevent->from_udevd != from_udevd)
      ++not_understood_;
    else if ((from_kernel && has_udevd) || !tell(*uevent, sink))
      ++filtered_;
    else
      ++kept_;
  }
  return true;
}

bool UdevSource::tell(const Uevent& uevent, EventSink& sink) {
  if (const auto type = uevent["DEVTYPE"]; disabled_types_.find(type) != std::string::npos) return false;
  HardwareEvent event;
  HardwareTexts texts;
  if (!describe_hardware(root_, uevent, texts, event)) return false;
  sink.take(&event);
  return true;
}

SourceCounts UdevSource::counts() const {
  SourceCounts counts;
  counts.kept = kept_;
  counts.filtered = filtered_.load();
  counts.dropped = {{"socket", "ENOBUFS", dropped_, false}, {"parser", "not understood", not_understood_, true}};
  return counts;
}

}  // namespace osprey::events
