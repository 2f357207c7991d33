#include "linux/files/shadow.h"

#include <array>

#include "base/text.h"

namespace osprey::linux {
namespace {

PasswordStatus status_of(std::string_view password) {
  if (password.empty()) return PasswordStatus::empty;
  // What useradd(8) of Red Hat's family writes for an account that never had a password.
  if (password == "!!") return PasswordStatus::not_set;
  const char first = password.front();
  return first == '!' || first == '*' || first == 'x' ? PasswordStatus::locked : PasswordStatus::active;
}

bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::optional<std::string> algorithm_of(std::string_view password) {
  if (!password.starts_with('$')) return std::nullopt;
  password.remove_prefix(1);
  const auto end = password.find('$');
  if (end == password.npos || end == 0) return std::nullopt;
  const auto id = password.substr(0, end);
  if (!std::ranges::all_of(id, is_word)) return std::nullopt;
  return std::string(id);
}

}  // namespace

std::string_view name(PasswordStatus status) noexcept {
  switch (status) {
    case PasswordStatus::empty:
      return "empty";
    case PasswordStatus::locked:
      return "locked";
    case PasswordStatus::not_set:
      return "not_set";
    case PasswordStatus::active:
      break;
  }
  return "active";
}

Parsed<ShadowEntry> parse_shadow(std::string_view text) {
  static constexpr std::array kNumbers = {&ShadowEntry::last_change, &ShadowEntry::min,      &ShadowEntry::max,
                                          &ShadowEntry::warning,     &ShadowEntry::inactive, &ShadowEntry::expire,
                                          &ShadowEntry::flag};
  Parsed<ShadowEntry> accounts;
  for (const auto line : Lines(text)) {
    if (!is_account_line(line)) continue;
    const auto parts = split(line, ':');
    ShadowEntry entry;
    bool valid = parts.size() >= 2 && !parts[0].empty();
    for (std::size_t i = 0; valid && i < kNumbers.size() && i + 2 < parts.size(); ++i) {
      const auto field = trim(parts[i + 2]);
      if (field.empty()) continue;
      entry.*kNumbers[i] = parse<std::int64_t>(field);
      valid = (entry.*kNumbers[i]).has_value();
    }
    if (!valid) {
      ++accounts.skipped;
      continue;
    }
    entry.username = parts[0];
    entry.status = status_of(parts[1]);
    entry.hash_algorithm = algorithm_of(parts[1]);
    accounts.entries.push_back(std::move(entry));
  }
  return accounts;
}

}  // namespace osprey::linux
