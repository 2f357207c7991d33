// Asking the kernel for a table of things by netlink (netlink(7)): one request, many messages in answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::linux {

struct NetlinkDump {
  std::string messages;    // to be walked with take_message()
  bool consistent = true;  // false: the table kept changing while it was read, some of it may be missing or twice
};

// One conversation at a time.
class DumpSocket {
 public:
  // `protocol` is NETLINK_ROUTE, NETLINK_SOCK_DIAG…
  static Result<DumpSocket> open(int protocol);

  // Asks for all of what messages of `type` are about; `body` is the family's header with its attributes. The dump is
  // asked for again when the kernel says that the table changed under it or that messages were lost. An error carries
  // the kernel's own explanation where it gives one.
  Result<NetlinkDump> dump(std::uint16_t type, std::string_view body, const Interrupt& interrupt);

 private:
  explicit DumpSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  struct Attempt;
  Result<void> send(std::uint16_t type, std::string_view body);
  Result<Attempt> receive(const Interrupt& interrupt);

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace osprey::linux
