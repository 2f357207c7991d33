#include "sql/functions/version.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "sql/functions/call.h"

namespace osprey::sql {
namespace {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_alphanumeric(char c) noexcept { return is_digit(c) || is_alpha(c); }

template <class T>
int order(T a, T b) noexcept {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Moves the leading characters that satisfy `wanted` out of `text`.
std::string_view take_while(std::string_view& text, bool (*wanted)(char) noexcept) noexcept {
  const auto end = std::ranges::find_if_not(text, wanted) - text.begin();
  const auto run = text.substr(0, static_cast<std::size_t>(end));
  text.remove_prefix(run.size());
  return run;
}

// Whole numbers of any length; none counts as zero.
int compare_numbers(std::string_view a, std::string_view b) noexcept {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  return a.size() != b.size() ? order(a.size(), b.size()) : order(a, b);
}

// The run of digits or of letters that `a` begins with against what of the same kind `b` begins with; both are moved
// past it. A number is newer than letters. `a` must begin with a digit or a letter.
int compare_runs(std::string_view& a, std::string_view& b) noexcept {
  const bool numeric = is_digit(a.front());
  const auto run_a = take_while(a, numeric ? is_digit : is_alpha);
  const auto run_b = take_while(b, numeric ? is_digit : is_alpha);
  if (run_b.empty()) return numeric ? 1 : -1;
  return numeric ? compare_numbers(run_a, run_b) : order(run_a, run_b);
}

// A mark of one character that both texts, one or neither begin with; where both do, it is taken from both.
enum class Mark { neither, first, second, both };
Mark take_mark(std::string_view& a, std::string_view& b, char mark) noexcept {
  const bool in_a = a.starts_with(mark);
  const bool in_b = b.starts_with(mark);
  if (!in_a && !in_b) return Mark::neither;
  if (!in_b) return Mark::first;
  if (!in_a) return Mark::second;
  a.remove_prefix(1);
  b.remove_prefix(1);
  return Mark::both;
}

int compare_rpm(std::string_view a, std::string_view b) noexcept {
  const auto separates = [](char c) noexcept { return !is_alphanumeric(c) && c != '~' && c != '^'; };
  while (!a.empty() || !b.empty()) {
    take_while(a, separates);
    take_while(b, separates);
    // A tilde is older than anything, the end too.
    switch (take_mark(a, b, '~')) {
      case Mark::first:
        return -1;
      case Mark::second:
        return 1;
      case Mark::both:
        continue;
      case Mark::neither:
        break;
    }
    // A caret is newer than the end and older than anything else.
    switch (take_mark(a, b, '^')) {
      case Mark::first:
        return b.empty() ? 1 : -1;
      case Mark::second:
        return a.empty() ? -1 : 1;
      case Mark::both:
        continue;
      case Mark::neither:
        break;
    }
    if (a.empty() || b.empty()) break;
    if (const int result = compare_runs(a, b)) return result;
  }
  return order(!a.empty(), !b.empty());
}

// An order among versions without doubled or trailing separators; pacman's rules are not transitive beyond those.
int compare_alpm(std::string_view a, std::string_view b) noexcept {
  const auto separates = [](char c) noexcept { return !is_alphanumeric(c); };
  while (!a.empty() && !b.empty()) {
    const auto gap_a = take_while(a, separates);
    const auto gap_b = take_while(b, separates);
    if (a.empty() || b.empty()) break;
    if (gap_a.size() != gap_b.size()) return order(gap_a.size(), gap_b.size());
    if (const int result = compare_runs(a, b)) return result;
  }
  if (a.empty() && b.empty()) return 0;
  // Letters left over are a pre-release (1.0rc1 before 1.0); anything else is newer.
  if (a.empty()) return is_alpha(b.front()) ? 1 : -1;
  return is_alpha(a.front()) ? -1 : 1;
}

int compare_dpkg(std::string_view a, std::string_view b) noexcept {
  // In the part before digits: a tilde before the end, the end before letters, letters before all else.
  const auto weight = [](std::string_view text) noexcept {
    if (text.empty() || is_digit(text.front())) return 0;
    if (text.front() == '~') return -1;
    return static_cast<unsigned char>(text.front()) + (is_alpha(text.front()) ? 0 : 256);
  };
  while (!a.empty() || !b.empty()) {
    while (weight(a) != 0 || weight(b) != 0) {
      if (const int result = order(weight(a), weight(b))) return result;
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
    const auto number_a = take_while(a, is_digit);
    const auto number_b = take_while(b, is_digit);
    if (const int result = compare_numbers(number_a, number_b)) return result;
  }
  return 0;
}

// [epoch:]version[-release], the form that the three package managers share.
struct PackageVersion {
  std::string_view epoch;
  std::string_view version;
  std::string_view release;
};

PackageVersion parse_package_version(std::string_view text) noexcept {
  PackageVersion parsed;
  auto rest = text;
  const auto digits = take_while(rest, is_digit);
  if (rest.starts_with(':')) {
    parsed.epoch = digits;
    text = rest.substr(1);
  }
  const auto dash = text.rfind('-');
  parsed.version = text.substr(0, dash);
  if (dash != text.npos) parsed.release = text.substr(dash + 1);
  return parsed;
}

// pacman and rpm ignore a release that only one side has. That is no order (1-1 = 1 = 1-2), and collations need one.
int compare_packages(std::string_view a, std::string_view b,
                     int (*compare)(std::string_view, std::string_view) noexcept) noexcept {
  const auto first = parse_package_version(a);
  const auto second = parse_package_version(b);
  if (const int result = compare_numbers(first.epoch, second.epoch)) return result;
  if (const int result = compare(first.version, second.version)) return result;
  return compare(first.release, second.release);
}

// osquery's one algorithm and what its flavours change in it.
struct SegmentRules {
  bool longer_wins = true;     // between segments length decides before characters do
  bool epoch = false;          // the text with the colon further right is newer
  bool tilde_is_last = false;  // a remainder that begins with a tilde is older than none
  bool delimiters_rank = false;
};

// In the order they rank.
constexpr std::string_view kDelimiters = "~-^.:";

int compare_segments(std::string_view a, std::string_view b, SegmentRules rules) noexcept {
  const auto within_segment = [](char c) noexcept { return !kDelimiters.contains(c); };
  // A colon that is missing counts as one before the text: npos + 1 is 0.
  if (rules.epoch) {
    if (const int result = order(a.find(':') + 1, b.find(':') + 1)) return result;
  }
  for (;;) {
    const auto segment_a = take_while(a, within_segment);
    const auto segment_b = take_while(b, within_segment);
    if (rules.longer_wins && segment_a.size() != segment_b.size()) return order(segment_a.size(), segment_b.size());
    if (const int result = order(segment_a, segment_b)) return result;
    if (a.empty() && b.empty()) return 0;
    if (a.empty()) return rules.tilde_is_last && b.front() == '~' ? 1 : -1;
    if (b.empty()) return rules.tilde_is_last && a.front() == '~' ? -1 : 1;
    if (rules.delimiters_rank && a.front() != b.front()) {
      return order(kDelimiters.find(a.front()), kDelimiters.find(b.front()));
    }
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
}

}  // namespace

std::optional<VersionFlavour> version_flavour(std::string_view name, bool osquery_compatible) {
  using enum VersionFlavour;
  if (equal_ignoring_case(name, "ARCH")) return osquery_compatible ? osquery_arch : arch;
  if (equal_ignoring_case(name, "DPKG")) return osquery_compatible ? osquery_dpkg : dpkg;
  if (equal_ignoring_case(name, "RHEL")) return osquery_compatible ? osquery_rhel : rhel;
  return std::nullopt;
}

int compare_versions(std::string_view a, std::string_view b, VersionFlavour flavour) noexcept {
  using enum VersionFlavour;
  switch (flavour) {
    case generic:
      return compare_segments(a, b, {});
    case arch:
      return compare_packages(a, b, compare_alpm);
    case dpkg:
      return compare_packages(a, b, compare_dpkg);
    case rhel:
      return compare_packages(a, b, compare_rpm);
    case osquery_arch:
      return compare_segments(a, b, {.epoch = true, .tilde_is_last = true, .delimiters_rank = true});
    case osquery_dpkg:
      return compare_segments(a, b, {.epoch = true, .delimiters_rank = true});
    case osquery_rhel:
      return compare_segments(a, b,
                              {.longer_wins = false, .epoch = true, .tilde_is_last = true, .delimiters_rank = true});
  }
  std::unreachable();
}

namespace {

void version_compare(Call& call) {
  if (call.count() < 2 || call.type(0) != SQLITE_TEXT || call.type(1) != SQLITE_TEXT) {
    return call.fail("Must provide two version strings to compare.");
  }
  auto flavour = VersionFlavour::generic;
  if (call.count() > 2) {
    if (call.type(2) != SQLITE_TEXT) return call.fail("The optional third parameter is not a string.");
    const auto named = version_flavour(call.text(2), call.options().osquery_compatible);
    if (!named) return call.fail("The optional third parameter does not match one of: (ARCH, DPKG, RHEL).");
    flavour = *named;
  }
  call.answer(std::int64_t{compare_versions(call.text(0), call.text(1), flavour)});
}

template <VersionFlavour flavour>
int collate(void*, int size_a, const void* a, int size_b, const void* b) {
  return compare_versions({static_cast<const char*>(a), static_cast<std::size_t>(size_a)},
                          {static_cast<const char*>(b), static_cast<std::size_t>(size_b)}, flavour);
}

}  // namespace

std::span<const Function> version_functions() {
  static constexpr Function functions[] = {function<version_compare>("version_compare", -1, kPure)};
  return functions;
}

int register_version_collations(sqlite3* connection, bool osquery_compatible) {
  using enum VersionFlavour;
  using Collation = std::pair<const char*, int (*)(void*, int, const void*, int, const void*)>;
  const std::array<Collation, 4> collations = {{
      {"version", collate<generic>},
      {"version_arch", osquery_compatible ? collate<osquery_arch> : collate<arch>},
      {"version_dpkg", osquery_compatible ? collate<osquery_dpkg> : collate<dpkg>},
      {"version_rhel", osquery_compatible ? collate<osquery_rhel> : collate<rhel>},
  }};
  for (const auto& [name, compare] : collations) {
    const int code = sqlite3_create_collation_v2(connection, name, SQLITE_UTF8, nullptr, compare, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace osprey::sql
