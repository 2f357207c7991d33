#include "linux/files/passwd.h"

#include "base/text.h"

namespace osprey::linux {
bool is_account_line(std::string_view line) noexcept {
  const auto text = trim(line);
  return !text.empty() && text.front() != '#' && text.front() != '+' && text.front() != '-';
}

Parsed<PasswdEntry> parse_passwd(std::string_view text) {
  Parsed<PasswdEntry> accounts;
  for (const auto line : Lines(text)) {
    if (!is_account_line(line)) continue;
    const auto parts = split(line, ':');
    const auto uid = parts.size() >= 7 ? parse<uid_t>(parts[2]) : std::nullopt;
    const auto gid = parts.size() >= 7 ? parse<gid_t>(parts[3]) : std::nullopt;
    if (!uid || !gid || parts[0].empty()) {
      ++accounts.skipped;
      continue;
    }
    accounts.entries.push_back(
        {std::string(parts[0]), *uid, *gid, std::string(parts[4]), std::string(parts[5]), std::string(parts[6])});
  }
  return accounts;
}

Parsed<GroupEntry> parse_group(std::string_view text) {
  Parsed<GroupEntry> accounts;
  for (const auto line : Lines(text)) {
    if (!is_account_line(line)) continue;
    const auto parts = split(line, ':');
    const auto gid = parts.size() >= 4 ? parse<gid_t>(parts[2]) : std::nullopt;
    if (!gid || parts[0].empty()) {
      ++accounts.skipped;
      continue;
    }
    GroupEntry entry{std::string(parts[0]), *gid, {}};
    for (const auto member : split(parts[3], ','))
      if (!trim(member).empty()) entry.members.emplace_back(trim(member));
    accounts.entries.push_back(std::move(entry));
  }
  return accounts;
}

Result<Parsed<PasswdEntry>> read_passwd(const Root& root) { return parse_passwd(TRY(root.read("/etc/passwd")).bytes); }

Result<Parsed<GroupEntry>> read_group(const Root& root) { return parse_group(TRY(root.read("/etc/group")).bytes); }

}  // namespace osprey::linux
