#include "linux/packages/rpm_reasons.h"

#include <array>
#include <cerrno>

#include "base/text.h"
#include "linux/files/sqlite.h"

namespace osprey::linux {
namespace {

// What stands between the next two double quotes; leaves what follows them in `text`.
std::optional<std::string_view> take_quoted(std::string_view& text) {
  const auto open = text.find('"');
  if (open == text.npos) return std::nullopt;
  const auto close = text.find('"', open + 1);
  if (close == text.npos) return std::nullopt;
  const auto quoted = text.substr(open + 1, close - open - 1);
  text.remove_prefix(close + 1);
  return quoted;
}

// Removals stay in the history, and a package that was removed and installed again has a newer line.
Result<RpmReasons> read_dnf4_history(const Root& root, const Interrupt& interrupt) {
  // libdnf's TransactionItemReason.
  static constexpr std::array<std::string_view, 6> kReasons = {"",      "dependency",      "user",
                                                               "clean", "weak-dependency", "group"};
  // Transactions that were done; without the old side of an upgrade, downgrade, replacement or reinstallation.
  constexpr std::string_view kQuery =
      "SELECT rpm.name || '.' || rpm.arch, trans_item.reason FROM trans_item JOIN trans ON trans.id = "
      "trans_item.trans_id "
      "JOIN rpm ON rpm.item_id = trans_item.item_id WHERE trans.state = 1 AND trans_item.action NOT IN (3, 5, 7, 10) "
      "ORDER BY trans_item.trans_id, trans_item.id";
  RpmReasons reasons;
  const auto read = [&](SqliteFile& file) -> Result<void> {
    auto query = TRY(file.query(kQuery));
    reasons.clear();
    while (TRY(query.next())) {
      const auto code = static_cast<std::uint64_t>(query.integer(1));
      if (code > 0 && code < kReasons.size()) reasons[std::string(query.bytes(0))] = kReasons[code];
    }
    return {};
  };
  TRY(SqliteFile::read_whole(root, "/var/lib/dnf/history.sqlite", interrupt, {}, read));
  return reasons;
}

}  // namespace

RpmReasons parse_dnf5_packages(std::string_view text) {
  RpmReasons reasons;
  for (auto line : Lines(text)) {
    if (!line.starts_with('"')) continue;
    const auto name = take_quoted(line);
    const auto key = line.find("reason");
    if (!name || key == line.npos) continue;
    line.remove_prefix(key);
    if (const auto reason = take_quoted(line)) {
      auto word = to_lower(*reason);
      std::ranges::replace(word, ' ', '-');
      reasons[std::string(*name)] = std::move(word);
    }
  }
  return reasons;
}

RpmReasons parse_zypper_auto_installed(std::string_view text) {
  RpmReasons reasons;
  for (const auto line : Lines(text))
    if (const auto name = trim(line); !name.empty() && name.front() != '#') reasons[std::string(name)] = "dependency";
  return reasons;
}

Result<RpmReasons> read_rpm_reasons(const Root& root, const Interrupt& interrupt) {
  if (const auto dnf5 = root.read("/usr/lib/sysimage/libdnf5/packages.toml", Root::kTextCap, interrupt))
    return parse_dnf5_packages(dnf5->bytes);
  else if (!dnf5.error().absent())
    return std::unexpected(dnf5.error());
  auto dnf4 = read_dnf4_history(root, interrupt);
  if (dnf4 || !dnf4.error().absent()) return dnf4;
  return parse_zypper_auto_installed(TRY(root.read("/var/lib/zypp/AutoInstalled", Root::kTextCap, interrupt)).bytes);
}

std::optional<std::string_view> rpm_reason(const RpmReasons& reasons, std::string_view name, std::string_view arch) {
  std::string full(name);
  full.append(".").append(arch);
  auto found = reasons.find(full);
  if (found == reasons.end()) found = reasons.find(name);
  if (found == reasons.end()) return std::nullopt;
  return found->second;
}

}  // namespace osprey::linux
