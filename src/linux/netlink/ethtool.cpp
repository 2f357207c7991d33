#include "linux/netlink/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"

namespace osprey::linux {
namespace {

// Lets the driver of `interface` fill `command`, one of the structures of ethtool.h with its number set.
template <class Command>
Result<void> ask(std::string_view interface, Command& command) {
  ifreq request{};
  // A longer name is nobody's, and the kernel would look for a module of it (R6).
  if (interface.size() >= sizeof request.ifr_name) return system_failure(ENODEV, std::string(interface));
  std::ranges::copy(interface, request.ifr_name);
  request.ifr_data = reinterpret_cast<char*>(&command);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return system_failure(std::string(interface));
  return {};
}

}  // namespace

Result<std::uint32_t> ethtool_speed(std::string_view interface) {
  ethtool_cmd command{};
  command.cmd = ETHTOOL_GSET;
  TRY(ask(interface, command));
  const auto speed = ::ethtool_cmd_speed(&command);
  return speed == static_cast<std::uint32_t>(SPEED_UNKNOWN) ? 0 : speed;
}

Result<std::string> ethtool_bus_info(std::string_view interface) {
  ethtool_drvinfo command{};
  command.cmd = ETHTOOL_GDRVINFO;
  TRY(ask(interface, command));
  return std::string(command.bus_info, ::strnlen(command.bus_info, sizeof command.bus_info));
}

}  // namespace osprey::linux
