// What the lines of login programs mean: rules by program and by the versions of its messages, as data (log_rules.cpp).
//
// Lines are written by whoever reaches the log, and hold what strangers typed: a pattern takes a whole line, and RE2
// takes time linear in it.
#pragma once

#include <cstdint>
#include <string_view>

#include "events/kinds/host_event.h"
#include "events/kinds/security_event.h"

namespace osprey::events {

enum class LineMeaning : std::uint8_t {
  other,          // not of a login program, or not about a login
  login,          // `event` has what it says
  not_understood  // of a login program, in a form that no rule has
};

// Fills `event` but for its header and actor, with views into `line`. `verified` says whether the kernel told who sent
// it, and that user may say so; whose executable sent it is asked by is_sender() once that is known.
LineMeaning read_login_line(const SyslogEvent& line, AuthenticationEvent& event);

// Whether this process may speak for event.service: an executable of that service, from a folder of the system. One
// whose executable nobody knows is believed as root only.
bool is_sender(const AuthenticationEvent& event) noexcept;

// The service that a program is, by its name without folders: "sshd" for sshd-session. Else the name.
std::string_view login_service(std::string_view program) noexcept;

}  // namespace osprey::events
