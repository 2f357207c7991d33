#include "linux/packages/rpm_database.h"
#include "linux/packages/rpm_reasons.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::RpmTag;

// Read once, when the first package is asked why it is there.
struct Reasons {
  const Scan& scan;
  std::optional<Result<linux::RpmReasons>> read;

  const Result<linux::RpmReasons>& get() {
    if (!read) read = linux::read_rpm_reasons(scan.root(), scan.interrupt());
    return *read;
  }
};

struct Handle {
  linux::RpmHeader header;
  Reasons* reasons;

  std::string_view text(RpmTag tag) const { return header.text(tag).value_or(std::string_view()); }
  Result<std::optional<std::string_view>> install_reason() const {
    const auto& known = reasons->get();
    if (!known) return std::unexpected(known.error());
    return linux::rpm_reason(*known, text(RpmTag::name), text(RpmTag::arch));
  }
};

template <RpmTag tag>
std::string_view text_of(const Handle& handle) {
  return handle.text(tag);
}
template <RpmTag tag>
std::optional<std::uint64_t> number_of(const Handle& handle) {
  return handle.header.number(tag);
}

Rows<Handle> scan(const Scan& scan) {
  auto database = scan.take(linux::RpmDatabase::open(scan.root(), scan.texts("name"), scan.interrupt(),
                                                     [&](const Error& error) { scan.warn(error); }));
  if (!database) co_return;
  Reasons reasons{scan, {}};
  while (const auto header = database->next()) {
    Handle handle{*header, &reasons};
    co_yield handle;
  }
}

}  // namespace

Table rpm_packages() {
  return table("rpm_packages", "Packages that rpm has installed.", scan)
      .column("name", TEXT, text_of<RpmTag::name>, "Package name.", INDEX | OPTIMIZED)
      .column("version", TEXT, text_of<RpmTag::version>, "Upstream version.", INDEX | VERSION_RHEL)
      .column("release", TEXT, text_of<RpmTag::release>, "The packager's count of builds of that version.", INDEX)
      .column("source", TEXT, text_of<RpmTag::source_rpm>, "File name of the source package it was built from.")
      .column(
          "size", BIGINT, [](const Handle& h) { return h.header.size(); }, "Size of the installed files in bytes.")
      .column("sha1", TEXT, text_of<RpmTag::sha1>, "SHA-1 of the package's header, in hexadecimal.", Option::nocase)
      .column("arch", TEXT, text_of<RpmTag::arch>, "Architecture it is built for, or \"noarch\".", INDEX)
      .column("epoch", INTEGER, number_of<RpmTag::epoch>, "What outranks the version in comparisons; NULL without one.",
              INDEX)
      .column("install_time", INTEGER, number_of<RpmTag::install_time>, "When it was installed, in Unix seconds.")
      .column("vendor", TEXT, text_of<RpmTag::vendor>, "Who distributes it.")
      .column("package_group", TEXT, text_of<RpmTag::group>, "Group it is filed under.")
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column(
          "modularity", [](const Handle& h) { return h.header.text(RpmTag::modularity_label); },
          "Module it belongs to: name, stream, version and context, separated by colons.", HIDDEN)
      .column(
          "signature_key", [](const Handle& h) { return h.header.signature_key(); },
          "Id of the OpenPGP key that signed it, 16 hexadecimal digits; NULL if unsigned.", HIDDEN)
      .column("install_reason", &Handle::install_reason,
              "Why dnf or zypper installed it, such as \"user\" or \"dependency\"; NULL where neither remembers.",
              HIDDEN)
      .cacheable()
      .note(
          "Reads SQLite, ndb and Berkeley databases without librpm. Proven on a database that rpm 4.18 wrote (SQLite); "
          "the ndb and Berkeley ones in the tests hold the same records, written by hand and by db5.3_load.")
      .example("SELECT name, version, release, arch FROM rpm_packages WHERE name = 'openssl-libs'")
      .example("SELECT name, vendor FROM rpm_packages WHERE signature_key IS NULL");
}

}  // namespace osprey::tables
