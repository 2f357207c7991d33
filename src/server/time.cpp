#include "server/time.h"

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"

namespace osprey::server {

namespace {

using namespace std::chrono;

// What RFC 3339 can say.
constexpr std::int64_t kFirst = sys_time<milliseconds>(sys_days(year(0) / 1 / 1)).time_since_epoch().count();
constexpr std::int64_t kLast =
    sys_time<milliseconds>(sys_days(year(9999) / 12 / 31)).time_since_epoch().count() + 86'399'999;

// Takes `digits` digits and, unless it is NUL, what must follow them.
std::optional<int> take(std::string_view& text, std::size_t digits, char follows) {
  if (text.size() < digits + (follows ? 1 : 0)) return std::nullopt;
  const std::string_view number = text.substr(0, digits);
  if (number.front() == '-' || (follows && text[digits] != follows)) return std::nullopt;
  text.remove_prefix(digits + (follows ? 1 : 0));
  return parse<int>(number);
}

// ".25": its milliseconds, further digits cut off.
std::optional<int> take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  int ms = 0;
  std::size_t digits = 0;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), ++digits)
    if (digits < 3) ms = ms * 10 + (text[0] - '0');
  if (digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) ms *= 10;
  return ms;
}

// "Z", "+02:00": minutes.
std::optional<int> take_offset(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const char sign = text[0];
  text.remove_prefix(1);
  if (sign == 'Z' || sign == 'z') return 0;
  if (sign != '+' && sign != '-') return std::nullopt;
  const auto hours = take(text, 2, ':');
  const auto minutes = take(text, 2, '\0');
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return (sign == '-' ? -1 : 1) * (*hours * 60 + *minutes);
}

}  // namespace

std::string to_rfc3339(Timestamp time) {
  const sys_time<milliseconds> at{milliseconds(std::clamp(time.ms, kFirst, kLast))};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::optional<Timestamp> from_rfc3339(std::string_view text) {
  const auto y = take(text, 4, '-');
  const auto mo = take(text, 2, '-');
  const auto d = take(text, 2, '\0');
  if (!y || !mo || !d || text.empty() || (text[0] != 'T' && text[0] != 't' && text[0] != ' ')) return std::nullopt;
  text.remove_prefix(1);
  const auto h = take(text, 2, ':');
  const auto mi = take(text, 2, ':');
  const auto s = take(text, 2, '\0');
  if (!h || !mi || !s || *h > 23 || *mi > 59 || *s > 60) return std::nullopt;
  const auto ms = take_fraction(text);
  if (!ms) return std::nullopt;
  const auto offset = take_offset(text);
  const year_month_day date(year(*y) / month(static_cast<unsigned>(*mo)) / day(static_cast<unsigned>(*d)));
  if (!offset || !text.empty() || !date.ok()) return std::nullopt;
  const sys_time<milliseconds> at =
      sys_days(date) + hours(*h) + minutes(*mi - *offset) + seconds(*s) + milliseconds(*ms);
  return Timestamp{at.time_since_epoch().count()};
}

Clock system_clock() {
  return [] {
    return Timestamp{duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
  };
}

}  // namespace osprey::server
