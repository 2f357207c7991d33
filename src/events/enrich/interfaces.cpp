#include "events/enrich/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>

namespace osprey::events {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kAgain = 10 * kSecond;

// Empty: of another family.
std::string text_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(), text.size());
  else if (address->sa_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text.data(), text.size());
  return text.data();
}

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
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return;  // those from before are better than none
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(first, ::freeifaddrs);
  names_.clear();
  for (const auto* one = first; one != nullptr; one = one->ifa_next)
    if (one->ifa_addr != nullptr)
      if (auto address = text_of(one->ifa_addr); !address.empty())
        names_.try_emplace(std::move(address), one->ifa_name);
}

}  // namespace osprey::events
