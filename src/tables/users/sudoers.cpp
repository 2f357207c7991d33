#include "linux/files/sudoers.h"

#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::SudoersRule;

Rows<SudoersRule> scan(const Scan& scan) {
  auto rules =
      linux::read_sudoers(scan.root(), "/etc/sudoers", scan.interrupt(), [&](const Error& error) { scan.warn(error); });
  for (auto& rule : rules) co_yield rule;
}

}  // namespace

Table sudoers() {
  return table("sudoers", "Lines of /etc/sudoers and the files that it includes.", scan)
      .column("source", TEXT, &SudoersRule::source, "File that the line is in.")
      .column(
          "header", TEXT, [](const SudoersRule& r) -> std::string_view { return r.line.header; },
          "First word: a user, %group, an alias definition, Defaults or an include.")
      .column(
          "rule_details", TEXT, [](const SudoersRule& r) -> std::string_view { return r.line.details; },
          "The rest of the line; continued lines are joined.")
      .example("SELECT source, header FROM sudoers WHERE rule_details LIKE '%NOPASSWD%'")
      .note("A rule for a numeric user id (#1000 ALL=…) is shown, though it looks like a comment.");
}

}  // namespace osprey::tables
