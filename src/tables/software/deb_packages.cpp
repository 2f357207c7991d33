#include "linux/packages/dpkg.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

constexpr const char* kDefaultDirectory = "/var/lib/dpkg";

struct Handle {
  linux::DpkgPackage package;
  linux::DpkgDatabase* database;
  std::string_view admindir;

  Result<std::int64_t> install_time() const { return database->install_time(package); }
  Result<bool> automatic() const { return database->automatic(package); }
};

template <std::string_view linux::DpkgPackage::* field>
std::string_view field_of(const Handle& handle) {
  return handle.package.*field;
}

Rows<Handle> scan(const Scan& scan) {
  for (const auto& admindir :
       scan.keys<std::string>("admindir", [] { return std::vector<std::string>{kDefaultDirectory}; })) {
    linux::DpkgDatabase database(scan.root(), admindir, scan.interrupt(),
                                 [&](const Error& error) { scan.warn(error); });
    while (const auto package = database.next()) {
      Handle handle{*package, &database, admindir};
      co_yield handle;
    }
  }
}

}  // namespace

Table deb_packages() {
  using P = linux::DpkgPackage;
  return table("deb_packages", "Packages that dpkg knows: installed ones, and what removed ones left behind.", scan)
      .column("name", TEXT, field_of<&P::name>, "Package name, without its architecture.")
      .column(
          "version", TEXT, [](const Handle& h) { return h.package.version(); },
          "Full version: epoch, upstream version and revision.", VERSION_DPKG)
      .column("source", TEXT, field_of<&P::source>,
              "Source package, with its version in parentheses where that differs; empty where it has the same name.")
      .column(
          "size", BIGINT, [](const Handle& h) { return h.package.size(); },
          "Size of the installed files in KiB, as the package claims.")
      .column("arch", TEXT, field_of<&P::architecture>, "Architecture it is built for, or \"all\".")
      .column(
          "revision", TEXT, [](const Handle& h) { return h.package.revision(); },
          "Debian revision: the version's part after its last hyphen.")
      .column("status", TEXT, field_of<&P::status>,
              "What is wanted, the error flag and the state, such as \"install ok installed\".")
      .column("maintainer", TEXT, field_of<&P::maintainer>, "Name and address of who maintains it.")
      .column("section", TEXT, field_of<&P::section>, "Section of the archive it is filed under.")
      .column(
          "priority", TEXT, [](const Handle& h) { return h.package.priority(); },
          "How much a system needs it, such as \"required\" or \"optional\".")
      .column("admindir", TEXT, &Handle::admindir,
              "Directory of the dpkg database; /var/lib/dpkg unless another one is asked for.", ADDITIONAL | OPTIMIZED)
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column("install_time", &Handle::install_time,
              "When it was last unpacked, in Unix seconds: the modification time of its list of files.", HIDDEN)
      .column("automatic", &Handle::automatic,
              "1 if apt installed it only because others depend on it; NULL where apt keeps no record.", HIDDEN)
      .column(
          "hold", [](const Handle& h) { return h.package.on_hold(); }, "1 if it is held back from upgrades.", HIDDEN)
      .cacheable()
      .example("SELECT name, version, arch FROM deb_packages WHERE status = 'install ok installed'")
      .example("SELECT name, version FROM deb_packages WHERE hold = 1");
}

}  // namespace osprey::tables
