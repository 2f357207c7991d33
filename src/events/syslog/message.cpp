#include "events/syslog/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace osprey::events {
namespace {

constexpr std::uint32_t kUserNotice = 13;

constexpr std::array<std::string_view, 24> kFacilities = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
                                                          "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                                          "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
                                                          "local2", "local3", "local4", "local5", "local6",   "local7"};

struct Severity {
  std::string_view name;
  std::int64_t number;
};
constexpr std::array<Severity, 12> kSeverities = {{{"emerg", 0},
                                                   {"panic", 0},
                                                   {"alert", 1},
                                                   {"crit", 2},
                                                   {"err", 3},
                                                   {"error", 3},
                                                   {"warning", 4},
                                                   {"warn", 4},
                                                   {"notice", 5},
                                                   {"info", 6},
                                                   {"informational", 6},
                                                   {"debug", 7}}};

std::optional<std::int64_t> severity_of(std::string_view text) {
  if (const auto number = parse<std::int64_t>(text)) return number;
  const auto found = std::find_if(kSeverities.begin(), kSeverities.end(), [&](auto& one) { return one.name == text; });
  return found == kSeverities.end() ? std::nullopt : std::optional(found->number);
}

// The next field off the front, and whether a comma stood behind it; empty where a quote is not closed.
std::optional<bool> take_csv_field(std::string_view& rest, std::string& field) {
  field.clear();
  if (rest.starts_with('"')) {
    for (bool first = true; rest.starts_with('"'); first = false) {
      if (!first) field += '"';  // two of them
      rest.remove_prefix(1);
      const auto quote = rest.find('"');
      if (quote == rest.npos) return std::nullopt;
      field += rest.substr(0, quote);
      rest.remove_prefix(quote + 1);
    }
  }
  const bool more = rest.find(',') != rest.npos;
  field += take_until(rest, ',');
  return more;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "Oct 11 22:14:15 " off the front, or a time as RFC 3339 has it.
std::string_view take_time(std::string_view& rest) {
  constexpr std::string_view kShape = "aaa 99 99:99:99 ";
  const auto fits = [&] {
    if (rest.size() < kShape.size()) return false;
    for (std::size_t i = 0; i < kShape.size(); ++i) {
      const char c = rest[i];
      const bool fine = kShape[i] == 'a'   ? (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                        : kShape[i] == '9' ? is_digit(c) || (i == 4 && c == ' ')
                                           : c == kShape[i];
      if (!fine) return false;
    }
    return true;
  };
  if (fits()) {
    const auto time = rest.substr(0, kShape.size() - 1);
    rest.remove_prefix(kShape.size());
    return time;
  }
  constexpr std::size_t kDate = 11;  // 2003-10-11T
  const bool dated = rest.size() > kDate && is_digit(rest[0]) && rest[4] == '-' && rest[7] == '-' && rest[10] == 'T';
  if (!dated || rest.find(' ') == rest.npos) return {};
  return take_until(rest, ' ');
}

// "name:" or "name[pid]:" off the front.
std::string_view take_tag(std::string_view& rest) {
  constexpr std::size_t kMost = 255;
  const auto end = rest.substr(0, kMost).find_first_of(" :[");
  if (end == rest.npos || end == 0 || end >= rest.size() || rest[end] == ' ') return {};
  auto size = end;
  if (rest[end] == '[') {
    const auto close = rest.substr(0, kMost).find(']', end);
    if (close == rest.npos) return {};
    size = close + 1;
  }
  const auto tag = rest.substr(0, size);
  rest.remove_prefix(size);
  if (rest.starts_with(':')) rest.remove_prefix(1);
  return tag;
}

void parse_3164(std::string_view rest, SyslogEvent& event) {
  event.datetime = take_time(rest);
  event.tag = take_tag(rest);
  if (event.tag.empty() && !event.datetime.empty()) {
    // A host stands in front of the tag.
    auto behind = rest;
    const auto host = take_until(behind, ' ');
    const auto tag = take_tag(behind);
    if (!tag.empty()) {
      event.host = host;
      event.tag = tag;
      rest = behind;
    }
  }
  event.message = trim(rest);
}

// "[id name="value"…]…" off the front; empty where it is not closed.
std::string_view take_structured_data(std::string_view& rest) {
  std::size_t at = 0;
  while (at < rest.size() && rest[at] == '[') {
    bool quoted = false;
    for (++at; at < rest.size() && (quoted || rest[at] != ']'); ++at) {
      if (quoted && rest[at] == '\\')
        ++at;
      else if (rest[at] == '"')
        quoted = !quoted;
    }
    if (at >= rest.size()) return {};
    ++at;
  }
  const auto data = rest.substr(0, at);
  rest.remove_prefix(at);
  return data;
}

bool parse_5424(std::string_view rest, SyslogTexts& texts, SyslogEvent& event) {
  if (!rest.starts_with("1 ")) return false;
  rest.remove_prefix(2);
  std::array<std::string_view, 5> fields;  // time, host, program, process, message id
  for (auto& field : fields) {
    if (rest.find(' ') == rest.npos) return false;
    field = take_until(rest, ' ');
    if (field.empty()) return false;
    if (field == "-") field = {};
  }
  std::string_view data;
  if (rest.starts_with('-'))
    rest.remove_prefix(1);
  else if (data = take_structured_data(rest); data.empty())
    return false;
  if (!rest.empty() && !rest.starts_with(' ')) return false;
  event.datetime = fields[0];
  event.host = fields[1];
  texts.tag = fields[3].empty() ? std::string(fields[2]) : fmt::format("{}[{}]", fields[2], fields[3]);
  event.tag = texts.tag;
  event.msgid = fields[4];
  event.structured_data = data;
  rest = trim(rest);
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  event.message = rest;
  return true;
}

}  // namespace

std::string_view facility_name(std::uint32_t facility) noexcept {
  return facility < kFacilities.size() ? kFacilities[facility] : std::string_view();
}

bool parse_syslog_csv(std::string_view line, SyslogTexts& texts, SyslogEvent& event) {
  std::array<std::string_view, 6> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto more = take_csv_field(line, texts.fields[i]);
    if (!more || *more != (i + 1 < fields.size())) return false;
    fields[i] = trim(texts.fields[i]);
  }
  const auto severity = severity_of(fields[2]);
  if (!severity) return false;
  event.datetime = fields[0];
  event.host = fields[1];
  event.severity = *severity;
  event.facility = fields[3];
  event.tag = fields[4];
  if (event.tag.ends_with(':')) event.tag.remove_suffix(1);
  event.message = fields[5];
  return true;
}

void parse_syslog_message(std::string_view text, SyslogTexts& texts, SyslogEvent& event) {
  while (!text.empty() && (text.back() == '\0' || is_space(text.back()))) text.remove_suffix(1);
  std::uint32_t priority = kUserNotice;
  if (text.starts_with('<')) {
    constexpr std::size_t kMostDigits = 3;
    const auto end = text.substr(0, kMostDigits + 2).find('>');
    const auto number = end == text.npos ? std::nullopt : parse<std::uint32_t>(text.substr(1, end - 1));
    if (number && *number < kFacilities.size() * 8) {
      priority = *number;
      text.remove_prefix(end + 1);
    }
  }
  event.severity = priority % 8;
  event.facility = facility_name(priority / 8);
  if (!parse_5424(text, texts, event)) parse_3164(text, event);
}

}  // namespace osprey::events
