#include "agent/logging/rfc5424.h"

#include <fmt/format.h>

#include <ctime>

namespace osprey::agent {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;
constexpr std::int64_t kMostFacility = 23;
constexpr std::size_t kMostHostName = 255;
constexpr std::size_t kMostAppName = 48;
constexpr std::size_t kMostMessageId = 32;

// PRINTUSASCII of RFC 5424; "-" where nothing is left.
std::string header_field(std::string_view text, std::size_t most) {
  std::string field;
  for (const char c : text)
    if (c > ' ' && c <= '~' && field.size() < most) field += c;
  return field.empty() ? "-" : field;
}

std::string rfc3339(std::int64_t unix_time_us) {
  const std::time_t seconds = unix_time_us / kMicroseconds;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, unix_time_us % kMicroseconds);
}

}  // namespace

SyslogSeverity syslog_severity(protocol::Severity severity) noexcept {
  switch (severity) {
    case protocol::Severity::info:
      return SyslogSeverity::notice;
    case protocol::Severity::warning:
      return SyslogSeverity::warning;
    case protocol::Severity::error:
      return SyslogSeverity::error;
    case protocol::Severity::fatal:
      break;
  }
  return SyslogSeverity::critical;
}

unsigned syslog_facility(std::int64_t number) noexcept {
  return number >= 0 && number <= kMostFacility ? static_cast<unsigned>(number) : kDefaultFacility;
}

std::string syslog_message(const SyslogSender& sender, SyslogSeverity severity, std::int64_t unix_time_us,
                           std::string_view message_id, std::string_view text) {
  return fmt::format("<{}>1 {} {} {} {} {} - {}", sender.facility * 8 + static_cast<unsigned>(severity),
                     rfc3339(unix_time_us), header_field(sender.host_name, kMostHostName),
                     header_field(sender.app_name, kMostAppName), sender.process_id,
                     header_field(message_id, kMostMessageId), text);
}

std::string syslog_frame(std::string_view message) { return fmt::format("{} {}", message.size(), message); }

}  // namespace osprey::agent
