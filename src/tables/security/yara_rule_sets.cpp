#include <fmt/format.h>
#include <fmt/ranges.h>

#include "linux/yara/yara_engine.h"
#include "tables/security/asked_rules.h"

namespace osprey::tables {
namespace {

using linux::YaraRuleSet;
using linux::YaraRuleSetPtr;
using linux::YaraRuleSource;

struct Handle {
  const Scan& scan;
  std::string name;
  YaraRuleSource source;
  std::vector<std::string> paths;
  std::optional<Result<YaraRuleSetPtr>> made = std::nullopt;

  // A group that nobody has used yet is compiled when it is asked about.
  const Result<YaraRuleSetPtr>& set() {
    if (!made) made = group_rules(scan, name);
    return *made;
  }
  template <class F>
  auto of_set(F of) -> Result<std::invoke_result_t<F, const YaraRuleSet&>> {
    return transform(set(), [&](const YaraRuleSetPtr& found) { return of(*found); });
  }
};

Rows<Handle> scan(const Scan& scan) {
  for (const auto& [group, files] : yara_settings(scan).signatures) {
    if (!scan.matches("name", group)) continue;
    Handle handle{scan, group, YaraRuleSource::group, files};
    co_yield handle;
  }
  const auto known = linux::yara_engine().rule_sets.known();
  for (const auto& set : known) {
    if (set->source == YaraRuleSource::group) continue;
    Handle handle{scan, set->name, set->source, set->paths, set};
    co_yield handle;
  }
}

}  // namespace

Table yara_rule_sets() {
  return table("yara_rule_sets", "Sets of YARA rules: the configuration's groups, and others that were used of late.",
               scan)
      .column("name", &Handle::name,
              "Group, file or URL; sigrule with the beginning of its SHA-256 for rules in a query.", INDEX)
      .column(
          "path", [](const Handle& h) { return fmt::format("{}", fmt::join(h.paths, ",")); },
          "Files that it is made of, separated by commas.")
      .column(
          "source", [](const Handle& h) { return name_of(h.source); }, "group, file, inline or url.")
      .column(
          "rules", [](Handle& h) { return h.of_set([](const YaraRuleSet& set) { return set.rules(); }); },
          "How many rules it has.")
      .column(
          "sha256", [](Handle& h) { return h.of_set([](const YaraRuleSet& set) { return set.sha256; }); },
          "SHA-256 of its files, one after another.")
      .column(
          "compiled", [](Handle& h) { return h.of_set([](const YaraRuleSet& set) { return set.compiled(); }); },
          "1 if there are rules to scan with.")
      .column(
          "error", [](Handle& h) { return h.of_set([](const YaraRuleSet& set) { return set.error; }); },
          "What was left out and why; empty where all of it compiled.")
      .column(
          "loaded_time", [](Handle& h) { return h.of_set([](const YaraRuleSet& set) { return set.loaded_time; }); },
          "When it was compiled, in Unix seconds.")
      .column(
          "matches", [](Handle& h) { return h.of_set([](const YaraRuleSet& set) { return set.matches.load(); }); },
          "Matches of its rules since then.")
      .column(
          "scan_seconds",
          [](Handle& h) {
            constexpr double kNanoseconds = 1e9;
            return h.of_set(
                [](const YaraRuleSet& set) { return static_cast<double>(set.scan_nanoseconds.load()) / kNanoseconds; });
          },
          "How long scans with it took since then, in all.")
      .host_only()
      .example("SELECT name, rules, error FROM yara_rule_sets WHERE error <> ''");
}

}  // namespace osprey::tables
