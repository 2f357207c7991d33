#include "linux/netfilter/ip_tables.h"

#include <fmt/format.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>
#include <set>

#include "base/unique_fd.h"

namespace osprey::linux {
namespace {

constexpr std::array<std::string_view, NF_INET_NUMHOOKS> kBuiltIn = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
                                                                     "POSTROUTING"};
constexpr std::size_t kBlobCap = 256 << 20;
constexpr int kAttempts = 5;

// Reads a structure from the front of `bytes`; false if it is not all there. (The kernel's end in arrays without a
// length, so they cannot be members of anything.)
template <class T>
bool load(T& value, std::string_view bytes) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  return true;
}

template <std::size_t size>
std::string fixed_text(const char (&text)[size]) {
  return {text, ::strnlen(text, size)};
}

// One ipt_entry of the blob, its lengths checked.
struct Entry {
  std::size_t offset = 0;
  std::size_t next = 0;  // offset of the one behind it
  ipt_ip ip{};
  xt_counters counters{};
  std::string_view matches;  // the xt_entry_match structures
  std::string target_name;   // empty for a standard target
  std::string_view target_data;

  bool is_error() const { return target_name == XT_ERROR_TARGET; }
  // The verdict of a standard target: negative for a decision, else where the chain begins that is jumped to.
  int verdict() const {
    int value = 0;
    load(value, target_data);
    return value;
  }
  // The name that an error target gives to the chain that begins behind it.
  std::string chain_name() const { return std::string(target_data.substr(0, target_data.find('\0'))); }
};

Result<Entry> parse_entry(std::string_view blob, std::size_t offset) {
  const auto broken = [&] { return failure("iptables", fmt::format("the entry at {} is broken", offset)); };
  ipt_entry head;
  auto bytes = blob.substr(offset);
  if (!load(head, bytes) || head.next_offset > bytes.size() || head.target_offset < sizeof head ||
      head.target_offset > head.next_offset)
    return broken();
  bytes = bytes.substr(0, head.next_offset);
  auto target_bytes = bytes.substr(head.target_offset);
  xt_entry_target target;
  if (!load(target, target_bytes) || target.u.target_size < sizeof target || target.u.target_size > target_bytes.size())
    return broken();
  return Entry{
      .offset = offset,
      .next = offset + head.next_offset,
      .ip = head.ip,
      .counters = head.counters,
      .matches = bytes.substr(sizeof head, head.target_offset - sizeof head),
      .target_name = fixed_text(target.u.user.name),
      .target_data = target_bytes.substr(sizeof target, target.u.target_size - sizeof target),
  };
}

std::string port_range(const std::uint16_t (&ports)[2], bool negated) {
  return fmt::format("{}{}:{}", negated ? "!" : "", ports[0], ports[1]);
}

// Takes the ports from the data of a match. The kernel keeps them in the host's byte order.
template <class Match>
void take_ports(IpTablesRule& rule, std::string_view data, unsigned negated_source, unsigned negated_destination) {
  Match match;
  if (!load(match, data)) return;
  rule.source_ports = port_range(match.spts, match.invflags & negated_source);
  rule.destination_ports = port_range(match.dpts, match.invflags & negated_destination);
}

// Several ranges; the flag of a port says that it begins one that the next port ends.
void take_multiport(IpTablesRule& rule, std::string_view data) {
  xt_multiport_v1 match;
  if (!load(match, data)) return;
  const std::size_t count = std::min<std::size_t>(match.count, std::size(match.ports));
  std::string ranges;
  for (std::size_t i = 0; i < count; ++i) {
    const auto low = match.ports[i];
    if (match.pflags[i] && i + 1 < count) ++i;
    ranges += fmt::format("{}{}:{}", ranges.empty() ? "" : ",", low, match.ports[i]);
  }
  if (match.invert) ranges.insert(0, "!");
  if (match.flags != XT_MULTIPORT_DESTINATION) rule.source_ports = ranges;
  if (match.flags != XT_MULTIPORT_SOURCE) rule.destination_ports = ranges;
}

void take_matches(IpTablesRule& rule, std::string_view matches) {
  xt_entry_match match;
  while (load(match, matches)) {
    const std::size_t size = match.u.match_size;
    if (size < sizeof match || size > matches.size()) return;
    const auto data = matches.substr(sizeof match, size - sizeof match);
    const auto name = fixed_text(match.u.user.name);
    if (name == "tcp") take_ports<xt_tcp>(rule, data, XT_TCP_INV_SRCPT, XT_TCP_INV_DSTPT);
    if (name == "udp") take_ports<xt_udp>(rule, data, XT_UDP_INV_SRCPT, XT_UDP_INV_DSTPT);
    if (name == "multiport" && match.u.user.revision == 1) take_multiport(rule, data);
    matches.remove_prefix(size);
  }
}

std::string decision(int verdict) {
  switch (verdict) {
    case XT_RETURN:
      return "RETURN";
    case -NF_DROP - 1:
      return "DROP";
    case -NF_ACCEPT - 1:
      return "ACCEPT";
    case -NF_QUEUE - 1:
      return "QUEUE";
    default:
      return std::to_string(verdict);
  }
}

using ChainNames = std::map<std::size_t, std::string>;  // by the offset of a chain's first entry

std::string target_of(const Entry& entry, const ChainNames& chains) {
  if (!entry.target_name.empty()) return entry.target_name;
  const int verdict = entry.verdict();
  if (verdict < 0) return decision(verdict);
  if (static_cast<std::size_t>(verdict) == entry.next) return {};
  const auto found = chains.find(static_cast<std::size_t>(verdict));
  return found == chains.end() ? std::to_string(verdict) : found->second;
}

IpTablesRule rule_of(const Entry& entry, const ChainNames& chains) {
  IpTablesRule rule{
      .ip = entry.ip, .target = target_of(entry, chains), .packets = entry.counters.pcnt, .bytes = entry.counters.bcnt};
  take_matches(rule, entry.matches);
  return rule;
}

}  // namespace

Result<std::vector<IpTablesChain>> parse_ip_table(const ipt_getinfo& info, std::string_view blob) {
  std::map<std::size_t, std::string_view> begins;  // of built-in chains
  std::set<std::size_t> policies;
  for (std::size_t hook = 0; hook < kBuiltIn.size(); ++hook) {
    if (!(info.valid_hooks & (1u << hook))) continue;
    begins[info.hook_entry[hook]] = kBuiltIn[hook];
    policies.insert(info.underflow[hook]);
  }

  std::vector<Entry> entries;
  ChainNames names(begins.begin(), begins.end());
  for (std::size_t offset = 0; offset < blob.size();) {
    const auto& entry = entries.emplace_back(TRY(parse_entry(blob, offset)));
    offset = entry.next;
    if (entry.is_error()) names[offset] = entry.chain_name();
  }

  std::vector<IpTablesChain> chains;
  // A user's chain ends in an entry that returns to the caller; it is not a rule that somebody wrote.
  const auto end_chain = [&] {
    if (!chains.empty() && !chains.back().policy && !chains.back().rules.empty()) chains.back().rules.pop_back();
  };
  bool inside = false;  // of a chain
  for (const auto& entry : entries) {
    if (entry.is_error()) {
      end_chain();
      inside = entry.next < blob.size();  // the last one ends the table
      if (inside) chains.push_back({.name = entry.chain_name()});
      continue;
    }
    if (const auto begin = begins.find(entry.offset); begin != begins.end()) {
      chains.push_back({.name = std::string(begin->second)});
      inside = true;
    }
    if (!inside) return failure("iptables", fmt::format("the entry at {} is in no chain", entry.offset));
    if (policies.contains(entry.offset)) {
      chains.back().policy = target_of(entry, names);
      chains.back().packets = entry.counters.pcnt;
      chains.back().bytes = entry.counters.bcnt;
      inside = false;
    } else {
      chains.back().rules.push_back(rule_of(entry, names));
    }
  }
  return chains;
}

Result<std::vector<IpTablesChain>> read_ip_table(const std::string& name) {
  const UniqueFd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!socket) return system_failure("iptables table " + name);
  for (int left = kAttempts; left > 0; --left) {
    ipt_getinfo info{};
    if (name.size() >= sizeof info.name) return system_failure(EINVAL, "iptables table " + name);
    name.copy(info.name, name.size());
    socklen_t size = sizeof info;
    if (::getsockopt(socket.get(), IPPROTO_IP, IPT_SO_GET_INFO, &info, &size) != 0)
      return system_failure("iptables table " + name);
    if (info.size > kBlobCap) return failure("iptables table " + name, "is too large");

    std::string buffer(sizeof(ipt_get_entries) + info.size, '\0');
    ipt_get_entries head{};
    name.copy(head.name, name.size());
    head.size = info.size;
    std::memcpy(buffer.data(), &head, sizeof head);
    size = static_cast<socklen_t>(buffer.size());
    if (::getsockopt(socket.get(), IPPROTO_IP, IPT_SO_GET_ENTRIES, buffer.data(), &size) == 0)
      return parse_ip_table(info, std::string_view(buffer).substr(sizeof head, info.size));
    if (errno != EAGAIN) return system_failure("iptables table " + name);  // EAGAIN: changed since it was measured
  }
  return system_failure(EAGAIN, "iptables table " + name);
}

}  // namespace osprey::linux
