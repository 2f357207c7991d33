// Telling the service manager how the agent stands: sd_notify(3)'s protocol, a datagram to $NOTIFY_SOCKET.
#pragma once

#include <string_view>

namespace osprey::agent {

// "READY=1", "STOPPING=1", "STATUS=…". Without a manager that listens nothing happens.
void notify_service_manager(std::string_view state) noexcept;

}  // namespace osprey::agent
