#include "agent/log.h"

#include <unistd.h>

#include <chrono>

namespace osprey::agent {

protocol::StatusLine status_line(protocol::Severity severity, std::string_view text,
                                 const std::source_location& place) {
  std::string_view file = place.file_name();
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {.severity = severity,
          .unix_time_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count(),
          .thread = ::gettid(),
          .file = std::string(file),
          .line = place.line(),
          .message = std::string(text)};
}

std::string log_line(protocol::Severity severity, std::string_view text, const std::source_location& place) {
  return protocol::glog_line(status_line(severity, text, place));
}

}  // namespace osprey::agent
