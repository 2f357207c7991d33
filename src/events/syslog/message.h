// Syslog messages in the forms in which programs and daemons write them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "events/kinds/host_event.h"

namespace osprey::events {

// What of an event's texts is not a view into what was read.
struct SyslogTexts {
  std::array<std::string, 6> fields;
  std::string tag;
};

// "kern", "user"… "local7"; empty above 23.
std::string_view facility_name(std::uint32_t facility) noexcept;

// A line as rsyslog writes it by the template that osquery's documentation has: time, host, severity, facility, tag and
// message, separated by commas; a field may stand in quotes, a quote in it is doubled (RFC 4180). Severities are
// numbers or names. False: there are not six fields, or the severity is none.
bool parse_syslog_csv(std::string_view line, SyslogTexts& texts, SyslogEvent& event);

// What is sent to /dev/log: RFC 5424, or RFC 3164 with or without its host, or anything else, which is then all
// message. Without a priority it is user.notice. The tag is "name[pid]", as rsyslog has it.
void parse_syslog_message(std::string_view text, SyslogTexts& texts, SyslogEvent& event);

}  // namespace osprey::events
