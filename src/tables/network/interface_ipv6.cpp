#include "linux/procfs/ipv6_settings.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  const Root* root;
  std::string interface;

  Result<int> setting(std::string_view name) const { return linux::ipv6_setting(*root, interface, name); }
  Result<int> hop_limit() const { return setting("hop_limit"); }
  Result<int> forwarding() const { return setting("forwarding"); }
  // A router needs the setting for all and the interface's own, a host either (accept_redirects in ip-sysctl).
  Result<int> redirect_accept() const {
    const int all = TRY(linux::ipv6_setting(*root, linux::kAllInterfaces, "accept_redirects"));
    const int own = TRY(setting("accept_redirects"));
    return TRY(forwarding()) ? all && own : all || own;
  }
  // 2 says: also as a router.
  Result<int> rtadv_accept() const {
    const int accept = TRY(setting("accept_ra"));
    return accept == 2 || (accept && !TRY(forwarding()));
  }
};

Rows<Handle> scan(const Scan& scan) {
  for (auto& name : scan.take(linux::ipv6_interfaces(scan.root())).value_or(std::vector<std::string>{})) {
    Handle handle{&scan.root(), std::move(name)};
    co_yield handle;
  }
}

}  // namespace

Table interface_ipv6() {
  return table("interface_ipv6", "How each network interface is set up for IPv6.", scan)
      .column("interface", TEXT, &Handle::interface, "Name of the interface.")
      .column("hop_limit", INTEGER, &Handle::hop_limit, "Hop limit that its packets start with.")
      .column("forwarding_enabled", INTEGER, &Handle::forwarding, "1 when it acts as a router, 0 as a host.")
      .column("redirect_accept", INTEGER, &Handle::redirect_accept,
              "1 when ICMPv6 redirects are heeded, the setting for all interfaces taken into account.")
      .column("rtadv_accept", INTEGER, &Handle::rtadv_accept, "1 when router advertisements are heeded.")
      .example("SELECT interface FROM interface_ipv6 WHERE redirect_accept = 1");
}

}  // namespace osprey::tables
