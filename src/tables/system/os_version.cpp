#include "linux/files/machine.h"
#include "linux/files/os_release.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  linux::OsVersion os;
  const Root* root;

  std::optional<std::string> arch() const { return linux::machine_of(*root); }
};

template <auto member>
auto of(const Handle& handle) {
  return handle.os.*member;
}

Rows<Handle> scan(const Scan& scan) {
  auto os = scan.take(linux::read_os_version(scan.root()));
  if (!os) co_return;
  Handle handle{std::move(*os), &scan.root()};
  co_yield handle;
}

}  // namespace

Table os_version() {
  using linux::OsVersion;
  return table("os_version", "The distribution that this host runs.", scan)
      .column("name", TEXT, of<&OsVersion::name>, "Name of the distribution.")
      .column("version", TEXT, of<&OsVersion::version>, "Its version as it writes it.", VERSION)
      .column("major", INTEGER, of<&OsVersion::major>, "First number of the version.")
      .column("minor", INTEGER, of<&OsVersion::minor>, "Second number of the version, or 0.")
      .column("patch", INTEGER, of<&OsVersion::patch>, "Third number of the version, or 0.")
      .column("build", TEXT, of<&OsVersion::build>,
              "What tells builds of one version apart, where the distribution does.")
      .column("platform", TEXT, of<&OsVersion::platform>, "Short name of the distribution; rhel for its whole family.")
      .column("platform_like", TEXT, of<&OsVersion::platform_like>,
              "Distributions that it is like, separated by blanks.")
      .column("codename", TEXT, of<&OsVersion::codename>, "Code name of the version.")
      .column("arch", TEXT, &Handle::arch, "Machine that it runs on, as uname(1) calls it.")
      .foreign(TEXT, {"extra"})
      .foreign(BIGINT, {"install_date"})
      .foreign(INTEGER, {"revision"})
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .example("SELECT name, major, minor, arch FROM os_version")
      .note(
          "From os-release and the release files of Red Hat's family, Gentoo, Alpine, Arch, Debian, SUSE, openEuler, "
          "Kylin, UOS and Anolis. In another root than the host's, arch is that of its shell.");
}

}  // namespace osprey::tables
