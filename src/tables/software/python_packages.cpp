#include "linux/packages/python.h"

#include <algorithm>

#include "tables/table.h"
#include "tables/users/local_users.h"

namespace osprey::tables {
namespace {

struct Site {
  std::string directory;
  std::int64_t uid = 0;
};

struct Handle {
  const Root* root;
  const Site* site;
  linux::PythonPackage package;
  std::optional<Result<linux::PythonMetadata>> metadata = {};

  const Result<linux::PythonMetadata>& read() {
    if (!metadata) metadata = package.metadata(*root);
    return *metadata;
  }
  std::string_view directory() const { return site->directory; }
  std::int64_t uid() const { return site->uid; }
  std::string_view path() const { return package.path; }
  Result<std::string> installer() const { return package.installer(*root); }
  Result<bool> editable() const { return package.editable(*root); }
};

template <std::string linux::PythonMetadata::* field>
Result<std::string_view> metadata_field(Handle& handle) {
  const auto& read = handle.read();
  if (!read) return std::unexpected(read.error());
  return std::string_view((*read).*field);
}

// Of a directory that was asked for: the account whose home it lies in, or the system's.
std::int64_t owner_of(const Scan& scan, std::string_view directory) {
  const auto accounts = linux::read_passwd(scan.root());
  if (!accounts) return 0;
  for (const auto& account : accounts->entries)
    if (account.directory.size() > 1 && directory.starts_with(account.directory) &&
        directory.substr(account.directory.size()).starts_with('/'))
      return account.uid;
  return 0;
}

std::vector<Site> sites(const Scan& scan) {
  std::vector<Site> found;
  if (const auto asked = scan.texts("directory")) {
    for (const auto& directory : *asked) found.push_back({directory, owner_of(scan, directory)});
    return found;
  }
  if (scan.matches("uid", 0))
    for (auto& directory : linux::system_python_sites(scan.root(), scan.interrupt())) found.push_back({directory, 0});
  for (const auto& user : asked_users(scan))
    for (auto& directory : linux::home_python_sites(scan.root(), user.directory, scan.interrupt()))
      found.push_back({directory, user.uid});
  return found;
}

Rows<Handle> scan(const Scan& scan) {
  for (const auto& site : sites(scan)) {
    auto packages = scan.take(linux::python_packages_in(scan.root(), site.directory));
    if (!packages) continue;
    for (auto& package : *packages) {
      if (scan.interrupted()) co_return;
      Handle handle{&scan.root(), &site, std::move(package)};
      co_yield handle;
    }
  }
}

}  // namespace

Table python_packages() {
  using M = linux::PythonMetadata;
  return table("python_packages", "Python packages of the system and of users' environments.", scan)
      .column("name", TEXT, metadata_field<&M::name>, "Name of the package.")
      .column("uid", BIGINT, &Handle::uid, "User whose home it lies in; 0 for the system's.", INDEX)
      .column("version", TEXT, metadata_field<&M::version>, "Version, as the package says.", VERSION)
      .column("summary", TEXT, metadata_field<&M::summary>, "What it is, in a line of its own.")
      .column("author", TEXT, metadata_field<&M::author>, "Who wrote it, where it says so.")
      .column("license", TEXT, metadata_field<&M::license>, "Licence, or the first line of its text.")
      .column("path", TEXT, &Handle::path, "Directory, or file of old packages, with its metadata.")
      .column("directory", TEXT, &Handle::directory, "Site directory that it is installed in.", INDEX | OPTIMIZED)
      .in_mount_namespaces()
      .column(
          "environment", [](const Handle& h) { return linux::python_environment(h.site->directory); },
          "Prefix of the environment: the system's, a user's, or a virtual one's folder.", HIDDEN)
      .column("installer", &Handle::installer, "Program that installed it, such as \"pip\" or \"uv\".", HIDDEN)
      .column("editable", &Handle::editable, "1 if it is a link to its source tree.", HIDDEN)
      .user_based()
      .example("SELECT p.name, p.version, p.environment FROM users JOIN python_packages p USING (uid)")
      .example("SELECT name, version FROM python_packages WHERE directory = '/usr/lib/python3/dist-packages'");
}

}  // namespace osprey::tables
