// Syslog messages as RFC 5424 has them, and their frames on a stream (RFC 6587, RFC 5425).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/status_line.h"

namespace osprey::agent {

// syslog(3)'s numbers.
enum class SyslogSeverity : std::uint8_t { critical = 2, error = 3, warning = 4, notice = 5, informational = 6 };
// As osquery maps them: INFO is a notice, results are informational (compat section 12.3).
SyslogSeverity syslog_severity(protocol::Severity severity) noexcept;

// --logger_syslog_facility; what is none is osquery's default.
inline constexpr unsigned kDefaultFacility = 19;
unsigned syslog_facility(std::int64_t number) noexcept;

// What all messages of a process have in common.
struct SyslogSender {
  unsigned facility = kDefaultFacility;
  std::string host_name;
  std::string app_name;
  std::int64_t process_id = 0;
};

// More than all that stands before the text of a message.
inline constexpr std::size_t kSyslogHeader = 400;

// "<158>1 2026-03-05T14:04:05.000001Z host osqueryd 1234 result - text". What may not stand in a field of the header is
// left out, what is too long for it is cut; the text stands as it is, without a byte order mark, which many receivers
// would take for a part of it.
std::string syslog_message(const SyslogSender& sender, SyslogSeverity severity, std::int64_t unix_time_us,
                           std::string_view message_id, std::string_view text);
// "123 <158>1 …": octet counting, so that a message may hold line ends.
std::string syslog_frame(std::string_view message);

}  // namespace osprey::agent
