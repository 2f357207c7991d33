#include "linux/files/resolv_conf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <resolv.h>

#include <array>
#include <bit>
#include <optional>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kMaxSearch = 6;
constexpr std::size_t kMaxSortlist = MAXRESOLVSORT;
constexpr std::size_t kMaxNameservers = MAXNS;

struct Option {
  std::string_view name;
  std::uint32_t bit;
};
// glibc compares as many characters as the name has, in this order. What sets no bit (ndots, timeout…) is not here.
constexpr std::array kOptions = {
    Option{"rotate", RES_ROTATE},
    Option{"edns0", RES_USE_EDNS0},
    Option{"single-request-reopen", RES_SNGLKUPREOP},
    Option{"single-request", RES_SNGLKUP},
    Option{"no_tld_query", RES_NOTLDQUERY},
    Option{"no-tld-query", RES_NOTLDQUERY},
    Option{"no-reload", RES_NORELOAD},
    Option{"use-vc", RES_USEVC},
    Option{"trust-ad", RES_TRUSTAD},
    Option{"no-aaaa", RES_NOAAAA},
};

// An IPv4 address in any of the forms of inet_aton(3).
std::optional<in_addr> parse_ipv4(std::string_view text) {
  in_addr address;
  return ::inet_aton(std::string(text).c_str(), &address) ? std::optional(address) : std::nullopt;
}

std::string ipv4_text(in_addr address) {
  std::array<char, INET_ADDRSTRLEN> text;
  return ::inet_ntop(AF_INET, &address, text.data(), text.size());
}

// A name server's address as inet_ntop(3) writes it, the zone of a link-local one kept; empty if it is none.
std::string canonical_address(std::string_view text) {
  if (const auto ipv4 = parse_ipv4(text)) return ipv4_text(*ipv4);
  const auto zone = text.substr(std::min(text.find('%'), text.size()));
  text.remove_suffix(zone.size());
  in6_addr address;
  if (!::inet_pton(AF_INET6, std::string(text).c_str(), &address)) return {};
  std::array<char, INET6_ADDRSTRLEN> canonical;
  return ::inet_ntop(AF_INET6, &address, canonical.data(), canonical.size()) + std::string(zone);
}

// The mask that an address had when networks still had classes.
int class_prefix(in_addr address) {
  const auto number = ntohl(address.s_addr);
  return IN_CLASSA(number) ? 8 : IN_CLASSB(number) ? 16 : 24;
}

std::optional<ResolvConf::Network> parse_sortlist_pair(std::string_view pair) {
  const auto slash = pair.find_first_of("/&");
  const auto address = parse_ipv4(pair.substr(0, slash));
  if (!address) return std::nullopt;
  const auto mask = slash == std::string_view::npos ? std::nullopt : parse_ipv4(pair.substr(slash + 1));
  return ResolvConf::Network{ipv4_text(*address), mask ? std::countl_one(ntohl(mask->s_addr)) : class_prefix(*address)};
}

void add_nameserver(ResolvConf& conf, std::string_view value) {
  value = take_field(value);
  value = value.substr(0, value.find_first_of(";#"));
  auto address = canonical_address(value);
  if (!address.empty() && conf.nameservers.size() < kMaxNameservers) conf.nameservers.push_back(std::move(address));
}

void set_search(ResolvConf& conf, std::string_view value, std::size_t most) {
  conf.search.clear();
  for (auto domain = take_field(value); !domain.empty() && conf.search.size() < most; domain = take_field(value))
    conf.search.emplace_back(domain);
}

void set_sortlist(ResolvConf& conf, std::string_view value) {
  conf.sortlist.clear();
  for (auto pair = take_field(value); !pair.empty() && conf.sortlist.size() < kMaxSortlist; pair = take_field(value))
    if (auto network = parse_sortlist_pair(pair.substr(0, pair.find(';')))) conf.sortlist.push_back(*network);
}

void add_options(ResolvConf& conf, std::string_view value) {
  for (auto word = take_field(value); !word.empty(); word = take_field(value)) {
    const auto known = std::ranges::find_if(kOptions, [&](const Option& o) { return word.starts_with(o.name); });
    if (known != kOptions.end()) conf.options |= known->bit;
  }
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  conf.options = RES_INIT | RES_DEFAULT;
  for (const auto line : Lines(text)) {
    // A keyword counts at the very beginning of its line only, and with a blank behind it.
    const auto end = line.find_first_of(" \t");
    if (end == std::string_view::npos) continue;
    const auto keyword = line.substr(0, end);
    const auto value = line.substr(end);
    if (keyword == "nameserver")
      add_nameserver(conf, value);
    else if (keyword == "search")
      set_search(conf, value, kMaxSearch);
    else if (keyword == "domain")
      set_search(conf, value, 1);
    else if (keyword == "sortlist")
      set_sortlist(conf, value);
    else if (keyword == "options")
      add_options(conf, value);
  }
  if (conf.nameservers.empty()) conf.nameservers.emplace_back("127.0.0.1");
  return conf;
}

}  // namespace osprey::linux
