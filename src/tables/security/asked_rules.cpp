#include "tables/security/asked_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ranges>
#include <thread>

#include "base/module.h"
#include "base/version.h"
#include "linux/http/http_module.h"
#include "linux/yara/yara_engine.h"
#include "tables/security/rule_url.h"

namespace osprey::tables {
namespace {

using linux::AskedYaraSet;
using linux::YaraRuleSetPtr;
using linux::YaraRuleSource;
using linux::YaraSettings;
using namespace std::chrono_literals;

constexpr auto kFetchedAge = 60s;  // for which fetched rules are used again
constexpr std::size_t kMaxFetched = 16 << 20;
constexpr auto kFetchTime = 30s;
constexpr auto kPaceLook = 20ms;

// What can be told of a set that is there, but not whole.
std::optional<AskedYaraSet> usable(const Scan& scan, Result<YaraRuleSetPtr> set, bool strings) {
  auto found = scan.take(std::move(set));
  if (!found) return std::nullopt;
  if (const auto& error = (*found)->error; !error.empty()) scan.warn({0, {}, error});
  if (!(*found)->compiled()) return std::nullopt;
  return AskedYaraSet{std::move(*found), strings};
}

Result<std::string> fetched(const Scan& scan, const std::string& url) {
  const auto& settings = yara_settings(scan);
  if (settings.fetch) return settings.fetch(url, scan.interrupt());
  const auto* http = TRY(open_module<linux::HttpModule>());
  auto response = TRY(http->get({.url = url,
                                 .user_agent = "osprey/" + std::string(version()),
                                 .timeout = kFetchTime,
                                 .body_cap = kMaxFetched,
                                 .redirects = false},
                                scan.interrupt()));
  if (response.status != 200) return failure(url, fmt::format("answers with HTTP status {}", response.status));
  if (response.truncated) return failure(url, "answers with more than 16 MiB");
  return std::move(response.body);
}

Result<YaraRuleSetPtr> url_rules(const Scan& scan, const std::string& url) {
  TRY(check_rule_url(url, yara_settings(scan).signature_urls));
  auto& sets = linux::yara_engine().rule_sets;
  if (auto known = sets.fetched(url, kFetchedAge)) return known;
  const auto text = TRY(fetched(scan, url));
  return sets.of_fetched(url, text, scan.interrupt());
}

Result<YaraRuleSetPtr> file_rules(const Scan& scan, const std::string& file) {
  return linux::yara_engine().rule_sets.of_files(YaraRuleSource::file, file, std::span(&file, 1),
                                                 yara_settings(scan).directory, scan.interrupt());
}

Result<YaraRuleSetPtr> text_rules(const Scan& scan, const std::string& text) {
  return linux::yara_engine().rule_sets.of_text(text, scan.interrupt());
}

struct Kind {
  std::string_view column;
  std::string AskedRules::* name;
  Result<YaraRuleSetPtr> (*rules)(const Scan&, const std::string&);
  bool ours;  // the administrator's: nothing about them is hidden
};
constexpr std::array kKinds = {
    Kind{"sig_group", &AskedRules::group, group_rules, true}, Kind{"sigfile", &AskedRules::file, file_rules, true},
    Kind{"sigrule", &AskedRules::rule, text_rules, false}, Kind{"sigurl", &AskedRules::url, url_rules, false}};

}  // namespace

const YaraSettings& yara_settings(const Scan& scan) {
  static const YaraSettings defaults;
  const auto* settings = scan.service<YaraSettings>();
  return settings ? *settings : defaults;
}

Result<YaraRuleSetPtr> group_rules(const Scan& scan, const std::string& group) {
  const auto& settings = yara_settings(scan);
  const auto found = settings.signatures.find(group);
  if (found == settings.signatures.end()) {
    const auto names = std::views::keys(settings.signatures);
    return failure(fmt::format("sig_group {}", group),
                   names.empty() ? std::string("yara.signatures of the configuration has no groups")
                                 : fmt::format("yara.signatures of the configuration has only {}",
                                               fmt::join(names.begin(), names.end(), ", ")));
  }
  return linux::yara_engine().rule_sets.of_files(YaraRuleSource::group, group, found->second, settings.directory,
                                                 scan.interrupt());
}

std::vector<AskedRules> asked_rules(const Scan& scan, std::string_view example) {
  std::vector<AskedRules> all(1);
  bool asked = false;
  for (const auto& kind : kKinds) {
    const auto names = scan.texts(kind.column);
    if (!names) continue;
    asked = true;
    std::vector<AskedRules> more;
    for (const auto& name : *names) {
      const auto set = usable(scan, kind.rules(scan, name), kind.ours || yara_settings(scan).show_strings);
      if (!set) continue;
      for (auto one : all) {
        one.*kind.name = name;
        one.sets.push_back(*set);
        more.push_back(std::move(one));
      }
    }
    all = std::move(more);
  }
  if (asked) return all;
  scan.refuse(fmt::format(
      "needs rules: a constraint by = or IN on sig_group, sigfile, sigrule or sigurl, for example: {}", example));
  return {};
}

void ScanPace::wait() {
  if (!std::exchange(scanned_, true)) return;
  const auto until = std::chrono::steady_clock::now() + yara_settings(scan_).delay;
  while (!scan_.interrupted()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= 0s) return;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kPaceLook));
  }
}

}  // namespace osprey::tables
