#include "linux/dbus/systemd.h"

#include <sys/stat.h>

#include <cstdlib>

#include "base/module.h"

namespace osprey::linux {

Result<std::unique_ptr<SystemdConnection>> connect_systemd() {
  const char* asked = std::getenv("DBUS_SYSTEM_BUS_ADDRESS");
  const std::string address = asked && *asked ? asked : "unix:path=/run/dbus/system_bus_socket";
  constexpr std::string_view kPath = "unix:path=";
  if (address.starts_with(kPath)) {
    const auto path = address.substr(kPath.size(), address.find_first_of(",;") - kPath.size());
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) return system_failure(path);
    if (!S_ISSOCK(info.st_mode)) return failure(path, "is not a socket");
  }
  return TRY(open_module<SystemdModule>())->connect(address);
}

}  // namespace osprey::linux
