#include "linux/sandbox/descriptors.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace osprey::linux {
namespace {

constexpr std::size_t kControl = CMSG_SPACE(kMaxDescriptorsSent * sizeof(int));

}  // namespace

Result<void> send_with_descriptors(int socket, std::string_view bytes, std::span<const int> descriptors, int flags) {
  iovec data{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, kControl> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  if (::sendmsg(socket, &message, MSG_NOSIGNAL | flags) < 0) return system_failure("sendmsg");
  return {};
}

Result<std::vector<UniqueFd>> receive_with_descriptors(int socket, std::span<char> buffer, std::size_t* length) {
  iovec data{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, kControl> control;
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t received;
  do {
    received = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return system_failure("recvmsg");
  if (received == 0) return failure("recvmsg", "the other side has closed");
  if (length) *length = static_cast<std::size_t>(received);
  std::vector<UniqueFd> descriptors;
  for (auto* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t used = CMSG_LEN(0); used + sizeof(int) <= header->cmsg_len; used += sizeof(int)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + used - CMSG_LEN(0), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  return descriptors;
}

}  // namespace osprey::linux
