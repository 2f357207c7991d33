#include "linux/packages/apt_sources.h"

#include <algorithm>

#include "tables/table.h"

namespace osprey::tables {
namespace {

// The fields come first in a Release file; megabytes of digests may follow.
constexpr std::size_t kReleaseCap = 64 << 10;

struct Handle {
  linux::AptSource source;
  std::string_view file;
  std::optional<linux::AptRelease> release;  // empty where apt has downloaded nothing of the source
};

template <std::string linux::AptRelease::* field>
std::optional<std::string_view> release_field(const Handle& handle) {
  if (!handle.release) return std::nullopt;
  return (*handle.release).*field;
}

struct SourceFile {
  std::string path;
  bool deb822 = false;
};

// sources.list, then the one-line files of sources.list.d, then its deb822 files.
std::vector<SourceFile> source_files(const Scan& scan) {
  std::vector<SourceFile> files = {{"/etc/apt/sources.list", false}};
  const std::string directory = "/etc/apt/sources.list.d";
  const auto entries = scan.take(scan.root().list(directory));
  if (!entries) return files;
  for (const bool deb822 : {false, true})
    for (const auto& entry : *entries)
      if (entry.name.ends_with(deb822 ? ".sources" : ".list")) files.push_back({directory + "/" + entry.name, deb822});
  return files;
}

std::optional<linux::AptRelease> release_of(const Scan& scan, const linux::AptSource& source) {
  const auto prefix = "/var/lib/apt/lists/" + source.list_prefix();
  for (const auto* suffix : {"_InRelease", "_Release"}) {
    const auto content = scan.root().read(prefix + suffix, kReleaseCap, scan.interrupt());
    if (content) return linux::parse_release(content->bytes);
    scan.warn(content.error());
  }
  return std::nullopt;
}

Rows<Handle> scan(const Scan& scan) {
  // As osquery, only sources in use: enabled ones that apt has fetched. Who asks for `enabled` gets the others too.
  const bool in_use_only = !scan.integers("enabled");
  for (const auto& file : source_files(scan)) {
    if (scan.interrupted()) co_return;
    const auto content = scan.take(scan.root().read(file.path, Root::kTextCap, scan.interrupt()));
    if (!content) continue;
    auto parsed = file.deb822 ? linux::parse_deb822_sources(content->bytes) : linux::parse_sources_list(content->bytes);
    for (auto& source : parsed.sources) {
      if (in_use_only && !source.enabled) continue;
      Handle handle{std::move(source), file.path, {}};
      handle.release = release_of(scan, handle.source);
      if (in_use_only && !handle.release) continue;
      co_yield handle;
    }
    if (parsed.malformed)
      scan.warn(failure(file.path, std::to_string(parsed.malformed) + " entries could not be parsed").error());
  }
}

}  // namespace

Table apt_sources() {
  using R = linux::AptRelease;
  return table("apt_sources", "Archives that apt installs packages from.", scan)
      .column(
          "name", TEXT, [](const Handle& h) { return h.source.name(); },
          "Address without its scheme, and suite; a password in it is not shown.")
      .column("source", TEXT, &Handle::file, "File that names it.")
      .column(
          "base_uri", TEXT, [](const Handle& h) { return h.source.public_uri(); },
          "Address of the archive; a user and password in it are not shown.")
      .column("release", TEXT, release_field<&R::codename>, "Code name that the archive gives the suite.")
      .column("version", TEXT, release_field<&R::version>, "Version of the distribution, as the archive says.",
              VERSION_DPKG)
      .column("maintainer", TEXT, release_field<&R::origin>, "Who publishes the archive, as it says.")
      .column("components", TEXT, release_field<&R::components>,
              "Components that the archive has, separated by blanks.")
      .column("architectures", TEXT, release_field<&R::architectures>,
              "Architectures that the archive has, separated by blanks.")
      .in_mount_namespaces()
      .column(
          "signed_by", [](const Handle& h) { return std::string_view(h.source.signed_by); },
          "Key files or fingerprints, or the key itself, that alone may sign it; empty: all that apt trusts.", HIDDEN)
      .column(
          "trusted", [](const Handle& h) { return h.source.trusted; },
          "1 if used whatever its signature says, 0 if never trusted; NULL where the signature decides.", HIDDEN)
      .column(
          "enabled", [](const Handle& h) { return h.source.enabled; },
          "1 if apt uses it. Asked for by = or IN, sources that are off, or were never fetched, are listed too.",
          ADDITIONAL | HIDDEN)
      .column(
          "line", INTEGER, [](const Handle& h) { return static_cast<std::int64_t>(h.source.line); },
          "Line of the file where it stands, or its stanza begins.", HIDDEN)
      .example("SELECT name, release, maintainer FROM apt_sources WHERE base_uri NOT LIKE 'https:%'")
      .example("SELECT source, line, name FROM apt_sources WHERE enabled = 1 AND signed_by = ''");
}

}  // namespace osprey::tables
