#include "server/tags/rule_tags.h"

#include <algorithm>
#include <set>
#include <span>

namespace osprey::server::tags {
namespace {

constexpr std::size_t kHostsAtOnce = 1000;  // in a transaction

}  // namespace

Result<void> RuleTags::evaluate(const Rules& rules, std::vector<hosts::HostPtr> hosts, bool only_where_different) {
  if (rules.conditions.empty()) return {};
  if (only_where_different)
    std::erase_if(hosts, [&](const hosts::HostPtr& host) {
      return std::ranges::all_of(rules.conditions, [&](const auto& rule) {
        return rule.second.holds(*host) == std::ranges::binary_search(host->tags, rule.first);
      });
    });
  for (std::span<const hosts::HostPtr> rest = hosts; !rest.empty();) {
    const auto some = rest.first(std::min(kHostsAtOnce, rest.size()));
    rest = rest.subspan(some.size());
    std::vector<hosts::TagChange> wanted;
    for (const auto& host : some)
      for (const auto& [tag, condition] : rules.conditions) wanted.push_back({host->id, tag, condition.holds(*host)});
    TRY(apply(wanted, [](db::Transaction&) -> Result<void> { return {}; }));
  }
  return {};
}

Result<void> RuleTags::apply(const std::vector<hosts::TagChange>& wanted,
                             const std::function<Result<void>(db::Transaction&)>& more) {
  std::vector<hosts::HostId> ids;
  for (const auto& change : wanted)
    if (ids.empty() || ids.back() != change.host) ids.push_back(change.host);
  std::set<std::pair<hosts::HostId, TagId>> given;
  for (const auto& reason : TRY(hosts_.tag_reasons(ids)))
    if (reason.origin == hosts::Origin::rule) given.emplace(reason.host, reason.tag);
  std::vector<hosts::TagChange> changes;
  std::vector<hosts::HostId> changed;
  for (const auto& change : wanted) {
    if (given.contains({change.host, change.tag}) == change.has) continue;
    changes.push_back(change);
    changed.push_back(change.host);
  }
  auto written = services_.database->write([&](db::Transaction& transaction) -> Result<void> {
    if (!changes.empty()) TRY(hosts_.change_tags(transaction, hosts::Origin::rule, changes, services_.clock()));
    return more(transaction);
  });
  TRY(written);
  hosts_.reload(changed);
  return {};
}

}  // namespace osprey::server::tags
