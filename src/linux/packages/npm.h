// Packages of Node.js: folders named node_modules, the manifest package.json in each package, and the records that
// package managers leave beside them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

// What package.json says; values of another type than the field's are left empty.
struct NpmManifest {
  std::string name;
  std::string version;
  std::string description;
  std::string author;   // a name, or "Name <address> (page)" as written
  std::string license;  // an SPDX expression; of the old form with type and url the url
  std::string homepage;
  std::string integrity;  // as npm before 7 noted it
  bool install_script = false;
};

// An error names what is wrong with the JSON.
Result<NpmManifest> parse_npm_manifest(std::string_view text);

// What a lock file has of one package.
struct NpmLockEntry {
  std::string integrity;  // "sha512-…", in base 64
  bool install_script = false;
};
// By path from the lock file's folder: "node_modules/npm/node_modules/abbrev" (lockfileVersion 2 and 3).
using NpmLock = std::map<std::string, NpmLockEntry, std::less<>>;
Result<NpmLock> parse_npm_lock(std::string_view text);

struct NpmPackage {
  std::string path;  // of its package.json
  std::int64_t depth = 0;
  std::int64_t uid = 0;  // the manifest's owner

  std::string_view folder() const { return std::string_view(path).substr(0, path.rfind('/')); }
};

// The packages below DIRECTORY/node_modules: those of the folder itself in order of their names, scoped ones after the
// others, then those nested in one package after another. A package that links lead to again is not given twice.
class NpmWalk {
 public:
  static constexpr std::size_t kManifestCap = 1 << 20;

  // `max_depth`: how deep packages may be nested, 0 for those of the folder alone; -1 for no limit.
  NpmWalk(const Root& root, std::string_view directory, std::int64_t max_depth, const Interrupt& interrupt);

  // Empty at the end.
  std::optional<NpmPackage> next();

 private:
  struct Folder {
    std::string path;  // that has a node_modules
    std::int64_t depth;
  };
  void read(const Folder& folder);
  void add(std::string package, std::int64_t depth);

  Root root_;
  std::int64_t max_depth_;
  const Interrupt& interrupt_;
  std::vector<Folder> todo_;
  std::vector<NpmPackage> found_;
  std::size_t next_ = 0;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;
};

// Folders that have a node_modules: of the system, of the homes given, of running Node.js processes.
std::vector<std::string> system_npm_folders(const Root& root, const Interrupt& interrupt);
std::vector<std::string> home_npm_folders(const Root& root, std::string_view home, const Interrupt& interrupt);
std::vector<std::string> process_npm_folders(const Root& root, const Interrupt& interrupt);

}  // namespace osprey::linux
