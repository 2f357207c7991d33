#include "protocol/status_line.h"

#include <fmt/format.h>

#include <ctime>

#include "base/json.h"
#include "base/text.h"

namespace osprey::protocol {
namespace {

constexpr std::string_view kLetters = "IWEF";
constexpr std::int64_t kMicroseconds = 1'000'000;
constexpr char kSeparator = ' ';

}  // namespace

std::string glog_line(const StatusLine& status) {
  const std::time_t seconds = status.unix_time_us / kMicroseconds;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{}{:02}{:02} {:02}:{:02}:{:02}.{:06} {:5} {}:{}] {}{}",
                     kLetters[static_cast<std::size_t>(status.severity)], parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec, status.unix_time_us % kMicroseconds, status.thread,
                     status.file, status.line, status.message, status.message.ends_with('\n') ? "" : "\n");
}

std::string location_line(const StatusLine& status) {
  return fmt::format("severity={} location={}:{} message={}", static_cast<int>(status.severity), status.file,
                     status.line, status.message);
}

std::string json_line(const StatusLine& status, std::string_view host_identifier, std::string_view version,
                      const Decorations& decorations) {
  const auto seconds = status.unix_time_us / kMicroseconds;
  std::string out = R"({"hostIdentifier":)";
  append_json_string(out, host_identifier);
  out += fmt::format(R"(,"calendarTime":"{}","unixTime":{},"severity":{},"filename":)", calendar_time(seconds), seconds,
                     static_cast<int>(status.severity));
  append_json_string(out, status.file);
  out += fmt::format(R"(,"line":{},"message":)", status.line);
  append_json_string(out, status.message);
  out += R"(,"version":)";
  append_json_string(out, version);
  if (!decorations.empty()) {
    char before = '{';
    out += R"(,"decorations":)";
    for (const auto& [name, value] : decorations) {
      out += before;
      append_json_string(out, name);
      out += ':';
      append_json_string(out, value);
      before = ',';
    }
    out += '}';
  }
  out += '}';
  return out;
}

std::string encode(const StatusLine& status) {
  return fmt::format("{} {} {} {} {} {}", static_cast<int>(status.severity), status.unix_time_us, status.thread,
                     status.line, status.file, status.message);
}

std::optional<StatusLine> decode_status(std::string_view bytes) {
  const auto severity = parse<unsigned>(take_until(bytes, kSeparator));
  const auto time = parse<std::int64_t>(take_until(bytes, kSeparator));
  const auto thread = parse<std::int64_t>(take_until(bytes, kSeparator));
  const auto line = parse<std::uint32_t>(take_until(bytes, kSeparator));
  const auto file = take_until(bytes, kSeparator);
  if (!severity || *severity >= kLetters.size() || !time || !thread || !line) return std::nullopt;
  return StatusLine{static_cast<Severity>(*severity), *time, *thread, std::string(file), *line, std::string(bytes)};
}

}  // namespace osprey::protocol
