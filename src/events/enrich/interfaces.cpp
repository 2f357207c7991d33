#include "events/enrich/interfaces.h"

#include <sys/stat.h>

#include <algorithm>

#include "linux/netlink/rtnetlink.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kAgain = 10 * kSecond;

}  // namespace

Interfaces::Interfaces() {
  struct stat facts{};
  if (::stat("/proc/self/ns/net", &facts) == 0) own_network_ = facts.st_ino;
}

std::string_view Interfaces::with(std::string_view address, std::uint64_t network, std::uint64_t moment) {
  if (network != own_network_ || address.empty()) return {};
  if (address.starts_with("127.")) address = "127.0.0.1";  // the whole network is the loopback interface's
  const auto since = moment - std::min(moment, asked_);
  auto found = names_.find(address);
  if (asked_ == 0 || since >= kAgain || (found == names_.end() && since >= kSecond)) {
    asked_ = moment;
    ask();
    found = names_.find(address);
  }
  return found == names_.end() ? std::string_view() : found->second;
}

void Interfaces::ask() {
  const auto& never = Interrupt::never();
  const auto links = linux::dump_links(linux::Counters::without, never);
  const auto addresses = linux::dump_addresses(never);
  if (!links || !addresses) return;  // those from before are better than none
  std::map<int, std::string> by_index;
  for (auto& link : linux::parse_messages(links->messages, linux::parse_link))
    by_index[link.index] = std::move(link.name);
  names_.clear();
  for (auto& one : linux::parse_messages(addresses->messages, linux::parse_address))
    names_.try_emplace(std::move(one.address), one.label.empty() ? by_index[one.index] : std::move(one.label));
}

}  // namespace osprey::events
