#include <unistd.h>

#include <array>

#include "linux/files/resolv_conf.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::size_t id = 0;
  std::string_view type;
  std::string address;
  std::optional<std::string> netmask;
  std::uint32_t options = 0;
};

// Where no file says what to search, it is the domain part of the host's own name.
std::string own_domain() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  const std::string_view text(name.data());
  const auto dot = text.find('.');
  return dot == std::string_view::npos ? "" : std::string(text.substr(dot + 1));
}

Rows<Handle> scan(const Scan& scan) {
  const auto file = scan.take(scan.root().read("/etc/resolv.conf"));
  if (!file) co_return;
  auto conf = linux::parse_resolv_conf(file->bytes);
  if (conf.search.empty() && scan.root().is_host())
    if (auto domain = own_domain(); !domain.empty()) conf.search.push_back(std::move(domain));

  for (std::size_t i = 0; i < conf.nameservers.size(); ++i) {
    const auto& address = conf.nameservers[i];
    Handle row{i, "nameserver", address, address.contains(':') ? "128" : "32", conf.options};
    co_yield row;
  }
  for (std::size_t i = 0; i < conf.sortlist.size(); ++i) {
    Handle row{i, "sortlist", conf.sortlist[i].address, std::to_string(conf.sortlist[i].prefix), conf.options};
    co_yield row;
  }
  for (std::size_t i = 0; i < conf.search.size(); ++i) {
    Handle row{i, "search", conf.search[i], std::nullopt, conf.options};
    co_yield row;
  }
}

}  // namespace

Table dns_resolvers() {
  return table("dns_resolvers", "How names are looked up, as the resolver takes it from /etc/resolv.conf.", scan)
      .column("id", INTEGER, &Handle::id, "Position among those of its type, from 0; servers are asked in this order.")
      .column("type", TEXT, &Handle::type,
              "nameserver: a server to ask; search: a domain tried behind short names; sortlist: addresses to prefer.")
      .column("address", TEXT, &Handle::address, "Address of the server or network, or the domain.")
      .column("netmask", TEXT, &Handle::netmask, "Length of the address's prefix in bits.")
      .column("options", BIGINT, &Handle::options, "Bits of <resolv.h> (RES_*) that hold for every look-up.")
      .in_mount_namespaces()
      .example("SELECT address FROM dns_resolvers WHERE type = 'nameserver' ORDER BY id");
}

}  // namespace osprey::tables
