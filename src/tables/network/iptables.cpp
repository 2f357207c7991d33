#include <fmt/format.h>

#include "base/text.h"
#include "linux/netfilter/ip_tables.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::IpTablesChain;
using linux::IpTablesRule;

std::string address_text(in_addr address) {
  char text[INET_ADDRSTRLEN];
  return ::inet_ntop(AF_INET, &address, text, sizeof text);
}

// What a negated condition begins with.
std::string_view negation(const ipt_ip& ip, unsigned flag) { return ip.invflags & flag ? "!" : ""; }

std::string interface_text(const ipt_ip& ip, const char (&name)[IFNAMSIZ], unsigned flag) {
  const std::string_view text(name, ::strnlen(name, IFNAMSIZ));
  return text.empty() ? "all" : fmt::format("{}{}", negation(ip, flag), text);
}

// The mask's bytes up to the first zero, in hexadecimal.
std::string mask_text(const unsigned char (&mask)[IFNAMSIZ]) {
  std::string text;
  for (const auto byte : mask) {
    if (byte == 0) break;
    text += fmt::format("{:02X}", byte);
  }
  return text;
}

// A rule, or the end of a chain: its policy.
struct Handle {
  const std::string* table;
  const IpTablesChain* chain;
  const IpTablesRule* rule;

  // What `of` makes of the rule; NULL at the end of a chain.
  template <class F>
  auto of_rule(F of) const -> std::optional<decltype(of(*rule))> {
    if (!rule) return std::nullopt;
    return of(*rule);
  }

  std::uint64_t packets() const { return rule ? rule->packets : chain->packets; }
  std::uint64_t bytes() const { return rule ? rule->bytes : chain->bytes; }
  std::optional<int> protocol() const {
    // A negated number cannot be told in a column of numbers.
    if (!rule || rule->ip.invflags & IPT_INV_PROTO) return std::nullopt;
    return rule->ip.proto;
  }
};

template <auto function>
constexpr auto rule_column = [](const Handle& handle) { return handle.of_rule(function); };

Rows<Handle> scan(const Scan& scan) {
  const auto names = scan.take(scan.root().read("/proc/net/ip_tables_names"));
  if (!names) co_return;
  for (const auto line : Lines(names->bytes)) {
    if (scan.interrupted()) co_return;
    const std::string name(trim(line));
    if (name.empty() || !scan.matches("filter_name", name)) continue;
    const auto chains = scan.take(linux::read_ip_table(name));
    if (!chains) continue;
    for (const auto& chain : *chains) {
      Handle handle{&name, &chain, nullptr};
      for (const auto& rule : chain.rules) {
        handle.rule = &rule;
        co_yield handle;
      }
      handle.rule = nullptr;
      co_yield handle;
    }
  }
}

}  // namespace

Table iptables() {
  return table("iptables", "Rules of the IPv4 packet filter that were set with iptables-legacy.", scan)
      .column(
          "filter_name", TEXT, [](const Handle& h) { return *h.table; }, "Table that the rule is in, as filter.")
      .column(
          "chain", TEXT, [](const Handle& h) { return h.chain->name; }, "Chain that the rule is in.")
      .column(
          "policy", TEXT, [](const Handle& h) { return h.chain->policy.value_or(""); },
          "What becomes of packets that no rule of the chain decides on; empty for a user's own chain.")
      .column("target", TEXT, rule_column<[](const IpTablesRule& r) { return r.target; }>,
              "What becomes of a packet that the rule is about: a verdict, a chain or an extension.")
      .column("protocol", INTEGER, &Handle::protocol, "Number of the protocol, 0 for every one, NULL for all but one.")
      .column("src_port", TEXT, rule_column<[](const IpTablesRule& r) { return r.source_ports; }>,
              "Source ports as LOW:HIGH, several separated by commas; ! in front means all others.")
      .column("dst_port", TEXT, rule_column<[](const IpTablesRule& r) { return r.destination_ports; }>,
              "Destination ports in the same form.")
      .column("src_ip", TEXT, rule_column<[](const IpTablesRule& r) {
                return fmt::format("{}{}", negation(r.ip, IPT_INV_SRCIP), address_text(r.ip.src));
              }>,
              "Source address; ! in front means all others.")
      .column("src_mask", TEXT, rule_column<[](const IpTablesRule& r) { return address_text(r.ip.smsk); }>,
              "Mask of the source address.")
      .column("iniface", TEXT,
              rule_column<[](const IpTablesRule& r) { return interface_text(r.ip, r.ip.iniface, IPT_INV_VIA_IN); }>,
              "Interface that the packet came in by, or how its name begins; all for any.")
      .column("iniface_mask", TEXT, rule_column<[](const IpTablesRule& r) { return mask_text(r.ip.iniface_mask); }>,
              "Which characters of the name count, in hexadecimal: FF for each, one more where the name ends there.")
      .column("dst_ip", TEXT, rule_column<[](const IpTablesRule& r) {
                return fmt::format("{}{}", negation(r.ip, IPT_INV_DSTIP), address_text(r.ip.dst));
              }>,
              "Destination address; ! in front means all others.")
      .column("dst_mask", TEXT, rule_column<[](const IpTablesRule& r) { return address_text(r.ip.dmsk); }>,
              "Mask of the destination address.")
      .column("outiface", TEXT,
              rule_column<[](const IpTablesRule& r) { return interface_text(r.ip, r.ip.outiface, IPT_INV_VIA_OUT); }>,
              "Interface that the packet leaves by, or how its name begins; all for any.")
      .column("outiface_mask", TEXT, rule_column<[](const IpTablesRule& r) { return mask_text(r.ip.outiface_mask); }>,
              "Which characters of that name count, as for iniface_mask.")
      .column("match", TEXT, rule_column<[](const IpTablesRule&) { return "yes"; }>,
              "yes for a rule, NULL for the row at the end of a chain that has its policy.")
      .column("packets", INTEGER, &Handle::packets, "Packets that the rule, or at the end the policy, was applied to.")
      .column("bytes", INTEGER, &Handle::bytes, "Bytes of these packets.")
      .host_only()
      .example("SELECT chain, policy FROM iptables WHERE filter_name = 'filter' AND match IS NULL AND policy != ''")
      .example("SELECT chain, target, dst_port FROM iptables WHERE src_ip = '0.0.0.0' AND target = 'ACCEPT'")
      .note(
          "Proven on blobs built from the kernel's structures and live against iptables-legacy-save in a network "
          "namespace. Each rule has its own counters, where osquery repeats those of the chain's policy. Rules of "
          "nftables, iptables-nft among them, are not here.");
}

}  // namespace osprey::tables
