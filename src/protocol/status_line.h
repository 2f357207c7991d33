// Status lines: what the agent says about itself, in the forms that its sinks write (compat sections 4.4, 12).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result_line.h"

namespace osprey::protocol {

enum class Severity : std::uint8_t { info, warning, error, fatal };

struct StatusLine {
  Severity severity = Severity::info;
  std::int64_t unix_time_us = 0;
  std::int64_t thread = 0;  // gettid(2)
  std::string file;         // without folders
  std::uint32_t line = 0;
  std::string message;

  bool operator==(const StatusLine&) const = default;
};

// "W1122 06:41:58.141716  3049 shell.cpp:12] text\n", in local time as glog has it.
std::string glog_line(const StatusLine& status);
// "severity=1 location=shell.cpp:12 message=text": syslog and stdout.
std::string location_line(const StatusLine& status);
// The object that TLS and its like send.
std::string json_line(const StatusLine& status, std::string_view host_identifier, std::string_view version,
                      const Decorations& decorations);

// As the log buffer keeps it.
std::string encode(const StatusLine& status);
std::optional<StatusLine> decode_status(std::string_view bytes);

}  // namespace osprey::protocol
