// Which YARA rules a query asks for, by sig_group, sigfile, sigrule and sigurl.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux/yara/yara_scan.h"
#include "linux/yara/yara_settings.h"
#include "tables/table.h"

namespace osprey::tables {

// What the program says of YARA, or what holds where it says nothing.
const linux::YaraSettings& yara_settings(const Scan& scan);

// A row's rules: one name of each kind that the query constrains.
struct AskedRules {
  std::string group;
  std::string file;
  std::string rule;
  std::string url;
  std::vector<linux::AskedYaraSet> sets;
};

// Every combination of what is asked for. What is not to be had is a warning of the scan. A query that asks for no
// rules at all is refused, with `example` to go by.
std::vector<AskedRules> asked_rules(const Scan& scan, std::string_view example);

// Waits for --yara_delay between two scans, as often as it is called but the first time.
class ScanPace {
 public:
  explicit ScanPace(const Scan& scan) : scan_(scan) {}
  void wait();

 private:
  const Scan& scan_;
  bool scanned_ = false;
};

// A group of the configuration, compiled.
Result<linux::YaraRuleSetPtr> group_rules(const Scan& scan, const std::string& group);

inline constexpr std::string_view kMatchesHelp = "Names of the rules that match, separated by commas.";
inline constexpr std::string_view kCountHelp = "How many rules match.";
inline constexpr std::string_view kGroupHelp = "A group of rule files in yara.signatures of the configuration.";
inline constexpr std::string_view kFileHelp =
    "A rule file, of text or compiled; a relative name is below /etc/osprey/yara.";
inline constexpr std::string_view kRuleHelp = "Rules as text.";
inline constexpr std::string_view kUrlHelp = "A URL of rules that yara.signature_urls of the configuration allows.";
inline constexpr std::string_view kTagsHelp = "Tags of the rules that match, separated by commas.";
inline constexpr std::string_view kSecondsHelp = "How long the scan took.";
inline constexpr std::string_view kSkippedHelp = "Why it was not scanned, or what of it was not; empty where all was.";

// The columns of what was asked for and found, of handles that have `rules`, of<member of YaraReport>() and skipped().
template <class Handle>
TableBuilder<Handle>&& with_findings(TableBuilder<Handle>&& table, std::string_view strings_help) {
  using linux::YaraReport;
  return std::move(table)
      .column("matches", TEXT, &Handle::template of<&YaraReport::matches>, kMatchesHelp)
      .column("count", INTEGER, &Handle::template of<&YaraReport::count>, kCountHelp)
      .column(
          "sig_group", TEXT, [](const Handle& h) { return h.rules.group; }, kGroupHelp, ADDITIONAL)
      .column(
          "sigfile", TEXT, [](const Handle& h) { return h.rules.file; }, kFileHelp, ADDITIONAL)
      .column(
          "sigrule", TEXT, [](const Handle& h) { return h.rules.rule; }, kRuleHelp, ADDITIONAL | HIDDEN)
      .column("strings", TEXT, &Handle::template of<&YaraReport::strings>, strings_help)
      .column("tags", TEXT, &Handle::template of<&YaraReport::tags>, kTagsHelp)
      .column(
          "sigurl", TEXT, [](const Handle& h) { return h.rules.url; }, kUrlHelp, ADDITIONAL | HIDDEN)
      .in_mount_namespaces()
      .column("scan_seconds", &Handle::template of<&YaraReport::seconds>, kSecondsHelp, HIDDEN)
      .column("skipped", &Handle::skipped, kSkippedHelp, HIDDEN);
}

}  // namespace osprey::tables
