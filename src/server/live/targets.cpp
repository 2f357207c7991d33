#include "server/live/targets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_set>

#include "server/api/problem.h"

namespace osprey::server::live {
namespace {

// For a target that means no host.
std::string why_nobody(const Target& target, const hosts::Hosts& hosts) {
  std::set<std::string> platforms;
  for (const auto& host : hosts.all()) platforms.insert(host->platform);
  if (platforms.empty()) return "no host has enrolled yet; what enrols one: ospreyctl secrets line";
  if (target.tags.empty() && target.platforms.empty()) return "says nobody: hosts, tags, platforms or all are wanted";
  std::vector<std::string> why;
  if (!target.tags.empty()) why.push_back(fmt::format("no host has the tag {}", fmt::join(target.tags, ", ")));
  if (!target.platforms.empty())
    why.push_back(fmt::format("no host is of the platform {}, but of {}", fmt::join(target.platforms, ", "),
                              fmt::join(platforms, ", ")));
  return fmt::format("{}", fmt::join(why, "; "));
}

}  // namespace

Result<std::vector<hosts::HostPtr>> hosts_for(
    const Target& target, hosts::Hosts& hosts,
    const std::function<Result<hosts::TagId>(std::string_view)>& tag_by_name) {
  std::vector<hosts::HostPtr> wanted;
  std::vector<hosts::TagId> tags;
  for (const auto& name : target.tags) tags.push_back(TRY(tag_by_name(name)));
  for (const auto id : target.hosts)
    if (!TRY(hosts.look_up(id))) return api::problem(api::kInvalid, fmt::format("host {}", id), "there is none");
  const std::unordered_set<hosts::HostId> named(target.hosts.begin(), target.hosts.end());
  for (auto& host : hosts.all()) {
    const bool tagged =
        std::ranges::any_of(tags, [&](auto tag) { return std::ranges::binary_search(host->tags, tag); });
    const bool on_platform = std::ranges::find(target.platforms, host->platform) != target.platforms.end();
    if (target.all || tagged || on_platform || named.contains(host->id)) wanted.push_back(std::move(host));
  }
  if (wanted.empty()) return api::problem(api::kInvalid, "target", why_nobody(target, hosts));
  return wanted;
}

}  // namespace osprey::server::live
