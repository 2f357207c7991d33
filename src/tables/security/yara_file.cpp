#include "linux/yara/yara_engine.h"
#include "tables/files/asked_paths.h"
#include "tables/security/asked_rules.h"

namespace osprey::tables {
namespace {

using linux::YaraReport;

constexpr std::string_view kExample =
    "SELECT path, matches FROM yara_file WHERE path LIKE '/tmp/%' AND sigfile = '/etc/osprey/yara/malware.yar'";

// What every row of a scan shares.
struct Question {
  const Scan& scan;
  linux::YaraScans scans;
  ScanPace pace;
};

struct Handle {
  const linux::PathWalk& walk;
  const AskedRules& rules;
  Question& question;
  std::optional<std::optional<YaraReport>> report = std::nullopt;

  std::optional<YaraReport> scan() const {
    question.pace.wait();
    auto found = question.scan.take(scan_file(question.scans, question.scan.root(), walk.path(), rules.sets));
    if (found && !found->skipped.empty()) question.scan.warn({0, std::string(walk.path()), found->skipped});
    return found;
  }
  const std::optional<YaraReport>& scanned() {
    if (!report) report = scan();
    return *report;
  }
  // NULL where nothing was scanned.
  template <auto member>
  auto of() -> std::optional<std::remove_cvref_t<decltype(std::declval<YaraReport>().*member)>> {
    const auto& found = scanned();
    if (!found || !found->scanned) return std::nullopt;
    return (*found).*member;
  }
  std::optional<std::string> skipped() {
    const auto& found = scanned();
    if (!found) return std::nullopt;
    return found->skipped;
  }
};

Rows<Handle> scan(const Scan& scan) {
  const auto rules = asked_rules(scan, kExample);
  if (rules.empty()) co_return;
  Question question{scan,
                    {.scanner = linux::yara_engine().for_queries,
                     .budget = scan.service<linux::IoBudget>(),
                     .largest_file = yara_settings(scan).largest_file,
                     .interrupt = scan.interrupt()},
                    ScanPace(scan)};
  for (auto walk = asked_paths(scan); next_regular(walk);) {
    for (const auto& one : rules) {
      Handle handle{walk, one, question};
      co_yield handle;
    }
  }
}

}  // namespace

Table yara_file() {
  auto path = table("yara_file", "Which YARA rules files match.", scan)
                  .column("path", TEXT, [](const Handle& h) { return h.walk.path(); }, kPathHelp, REQUIRED | INDEX);
  return with_findings(std::move(path),
                       "Where the rules' strings were found: $name:offset in hexadecimal, separated by commas.")
      .alias("yara")
      .example(kExample)
      .example(
          "SELECT path FROM yara_file WHERE path = '/usr/bin/ls' AND count > 0 AND sigrule = "
          "'rule elf { condition: uint32(0) == 0x464c457f }'")
      .note(
          "YARA 4.2 runs in helper processes without rights, ten seconds a file and set of rules at most. Files larger "
          "than --read_max are not scanned; what is not scanned is a row whose matches are NULL. Rules are compiled "
          "once and again when their files change; one that does not compile is a warning, the others go on. Rule "
          "files are the host's, whatever is looked at. Where inline and fetched rules found their strings is told "
          "with --enable_yara_string only. A query that asks for several kinds of rules has rows that match any.");
}

}  // namespace osprey::tables
