#include "linux/packages/npm.h"

#include <algorithm>

#include "linux/files/passwd.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

constexpr std::int64_t kDefaultMaxDepth = 100;
constexpr std::size_t kLockCap = 16 << 20;

// A folder that has a node_modules, and what npm noted of it.
struct Site {
  const Scan& scan;
  std::string directory;
  std::int64_t max_depth;
  std::optional<Result<linux::NpmLock>> lock = {};

  const Result<linux::NpmLock>& read_lock() {
    if (!lock) {
      lock = [&]() -> Result<linux::NpmLock> {
        const auto path = directory + (directory.ends_with('/') ? "" : "/") + "node_modules/.package-lock.json";
        return linux::parse_npm_lock(TRY(scan.root().read(path, kLockCap, scan.interrupt())).bytes);
      }();
    }
    return *lock;
  }
};

struct Handle {
  Site* site;
  linux::NpmPackage package;
  std::optional<Result<linux::NpmManifest>> manifest = {};

  const Result<linux::NpmManifest>& read() {
    if (!manifest) {
      manifest = [&]() -> Result<linux::NpmManifest> {
        const auto& scan = site->scan;
        const auto content = TRY(scan.root().read(package.path, linux::NpmWalk::kManifestCap, scan.interrupt()));
        if (content.truncated) return failure(package.path, "is larger than a manifest can be");
        auto parsed = linux::parse_npm_manifest(content.bytes);
        if (!parsed) parsed.error().subject = package.path;
        return parsed;
      }();
    }
    return *manifest;
  }
  // Its entry in the lock file; null where there is none.
  const linux::NpmLockEntry* locked() {
    const auto& lock = site->read_lock();
    if (!lock) return nullptr;
    auto key = package.folder().substr(std::min(site->directory.size(), package.folder().size()));
    if (key.starts_with('/')) key.remove_prefix(1);
    const auto found = lock->find(key);
    return found == lock->end() ? nullptr : &found->second;
  }

  std::string_view path() const { return package.path; }
  std::string_view directory() const { return site->directory; }
  std::int64_t depth() const { return package.depth; }
  std::int64_t max_depth() const { return site->max_depth; }
  std::int64_t uid() const { return package.uid; }
  Result<std::optional<std::string_view>> integrity() {
    if (const auto* entry = locked(); entry && !entry->integrity.empty()) return entry->integrity;
    const auto& known = read();
    if (!known) return std::unexpected(known.error());
    if (known->integrity.empty()) return std::nullopt;
    return known->integrity;
  }
  Result<bool> install_script() {
    if (const auto* entry = locked(); entry && entry->install_script) return true;
    const auto& known = read();
    if (!known) return std::unexpected(known.error());
    // npm builds what has a binding.gyp, as if an install script said so.
    return known->install_script || site->scan.root().exists(std::string(package.folder()) + "/binding.gyp");
  }
};

template <std::string linux::NpmManifest::* field>
Result<std::string_view> manifest_field(Handle& handle) {
  const auto& read = handle.read();
  if (!read) return std::unexpected(read.error());
  return std::string_view((*read).*field);
}

std::vector<std::string> folders(const Scan& scan) {
  auto found = linux::system_npm_folders(scan.root(), scan.interrupt());
  const auto add = [&](std::vector<std::string> more) {
    for (auto& folder : more)
      if (std::ranges::find(found, folder) == found.end()) found.push_back(std::move(folder));
  };
  // Homes of local accounts, and those below /home whose users another source knows.
  if (const auto accounts = scan.take(linux::read_passwd(scan.root())))
    for (const auto& account : accounts->entries)
      add(linux::home_npm_folders(scan.root(), account.directory, scan.interrupt()));
  if (const auto homes = scan.root().list("/home"))
    for (const auto& home : *homes) add(linux::home_npm_folders(scan.root(), "/home/" + home.name, scan.interrupt()));
  add(linux::process_npm_folders(scan.root(), scan.interrupt()));
  return found;
}

Rows<Handle> scan(const Scan& scan) {
  const auto directories = scan.keys<std::string>("directory", [&] { return folders(scan); });
  for (const auto max_depth :
       scan.keys<std::int64_t>("max_depth", [] { return std::vector<std::int64_t>{kDefaultMaxDepth}; })) {
    for (const auto& directory : directories) {
      Site site{scan, directory, max_depth};
      linux::NpmWalk walk(scan.root(), directory, max_depth, scan.interrupt());
      while (auto package = walk.next()) {
        Handle handle{&site, std::move(*package)};
        co_yield handle;
      }
    }
  }
}

}  // namespace

Table npm_packages() {
  using M = linux::NpmManifest;
  return table("npm_packages", "Packages of Node.js, installed for all or by users, and those of running programs.",
               scan)
      .column("name", TEXT, manifest_field<&M::name>, "Name, with its scope.")
      .column("version", TEXT, manifest_field<&M::version>, "Version.", VERSION)
      .column("description", TEXT, manifest_field<&M::description>, "What it is, in its own words.")
      .column("author", TEXT, manifest_field<&M::author>, "Who wrote it, where it says so.")
      .column("license", TEXT, manifest_field<&M::license>, "Licence, or the address of its text.")
      .column("homepage", TEXT, manifest_field<&M::homepage>, "Address of its page.")
      .column("path", TEXT, &Handle::path, "Its package.json.")
      .column("directory", TEXT, &Handle::directory, "Folder whose node_modules it was found in or below.",
              INDEX | OPTIMIZED)
      .column("depth", INTEGER, &Handle::depth, "How many packages it is nested in.")
      .column("max_depth", INTEGER, &Handle::max_depth,
              "How deep nested packages are looked for: 100 unless asked otherwise, -1 for no limit.",
              ADDITIONAL | HIDDEN)
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column("uid", &Handle::uid, "Owner of its package.json.", HIDDEN)
      .column("integrity", &Handle::integrity,
              "Digest that npm checked it against, as algorithm and base 64; NULL where npm left no record.", HIDDEN)
      .column("has_install_script", &Handle::install_script, "1 if installing it runs a script of its own.", HIDDEN)
      .example("SELECT name, version, path FROM npm_packages WHERE has_install_script = 1")
      .example("SELECT name, version FROM npm_packages WHERE directory = '/srv/app' AND max_depth = 0");
}

}  // namespace osprey::tables
