#include "agent/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>

namespace osprey::agent {

std::string log_line(Level level, std::string_view text, const std::source_location& place) {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  std::tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  std::string_view file = place.file_name();
  if (const auto slash = file.rfind('/'); slash != file.npos) file.remove_prefix(slash + 1);
  return fmt::format("{}{:02}{:02} {:02}:{:02}:{:02}.{:06} {:5} {}:{}] {}{}", static_cast<char>(level),
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, now.tv_nsec / 1000,
                     ::gettid(), file, place.line(), text, text.ends_with('\n') ? "" : "\n");
}

}  // namespace osprey::agent
