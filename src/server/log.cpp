#include "server/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/json.h"
#include "server/time.h"

namespace osprey::server {
namespace {

Level g_least = Level::info;
bool g_json = false;

constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};

using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

std::string json_line(Level level, std::string_view message, Fields fields) {
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","message":)", to_rfc3339(system_clock()()),
                                 kNames[static_cast<int>(level)]);
  append_json_string(line, message);
  for (const auto& [name, value] : fields) {
    line += ',';
    append_json_string(line, name);
    line += ':';
    append_json_string(line, value);
  }
  return line + "}\n";
}

// Values in quotes, so that a host's name can neither end the line nor look like another field.
std::string text_line(Level level, std::string_view message, Fields fields) {
  std::string line = fmt::format("{} {:7} {}", to_rfc3339(system_clock()()), kNames[static_cast<int>(level)], message);
  for (const auto& [name, value] : fields) {
    line += fmt::format(" {}=", name);
    append_json_string(line, value);
  }
  return line + "\n";
}

}  // namespace

void set_up_log(Level least, bool json) {
  g_least = least;
  g_json = json;
}

bool logs(Level level) noexcept { return level >= g_least; }

void log(Level level, std::string_view message, Fields fields) {
  if (!logs(level)) return;
  const auto line = g_json ? json_line(level, message, fields) : text_line(level, message, fields);
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace osprey::server
