// systemd, asked over D-Bus about the units that it has loaded.
#pragma once

#include <memory>

#include "base/result.h"
#include "linux/dbus/systemd_module.h"

namespace osprey::linux {

// The system bus: DBUS_SYSTEM_BUS_ADDRESS, or its usual socket. An absent() error where there is none; then the module
// is not even opened.
Result<std::unique_ptr<SystemdConnection>> connect_systemd();

}  // namespace osprey::linux
