#include "linux/packages/npm.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/text.h"
#include "linux/files/path_walk.h"

namespace osprey::linux {
namespace {

namespace json = boost::json;

Result<json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  options.allow_invalid_utf8 = true;
  auto value = json::parse(text, error, {}, options);
  if (error) return failure("", "is not JSON: " + error.message());
  if (!value.is_object()) return failure("", "is not a JSON object");
  return std::move(value.get_object());
}

// Empty where it is missing or of another type.
std::string_view text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}
const json::object* object_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}
bool truth_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_bool() && value->get_bool();
}

std::pair<std::uint64_t, std::uint64_t> identity(const struct statx& facts) {
  return {std::uint64_t{facts.stx_dev_major} << 32 | facts.stx_dev_minor, facts.stx_ino};
}

std::vector<std::string> with_modules(const Root& root, const std::vector<std::string>& patterns,
                                      const Interrupt& interrupt) {
  std::vector<std::string> found;
  PathWalk::Options options;
  options.dialect = PatternDialect::osquery;
  options.interrupt = &interrupt;
  PathWalk walk(root, std::move(options));
  for (const auto& pattern : patterns) walk.add_pattern(pattern + "/node_modules");
  while (walk.next()) {
    const auto& facts = walk.facts();
    if (!facts || !S_ISDIR(facts->stx_mode)) continue;
    auto modules = walk.path();
    if (modules.ends_with('/')) modules.remove_suffix(1);  // as the walk writes directories
    found.emplace_back(modules.substr(0, modules.rfind('/') + 1));
  }
  return found;
}

}  // namespace

Result<NpmManifest> parse_npm_manifest(std::string_view text) {
  const auto object = TRY(parse_object(text));
  NpmManifest manifest;
  manifest.name = text_of(object, "name");
  manifest.version = text_of(object, "version");
  manifest.description = text_of(object, "description");
  manifest.homepage = text_of(object, "homepage");
  manifest.author = text_of(object, "author");
  if (const auto* author = object_of(object, "author")) manifest.author = text_of(*author, "name");
  manifest.license = text_of(object, "license");
  if (const auto* license = object_of(object, "license")) manifest.license = text_of(*license, "url");
  manifest.integrity = text_of(object, "_integrity");
  manifest.install_script = truth_of(object, "gypfile");
  if (const auto* scripts = object_of(object, "scripts"))
    for (const auto* script : {"preinstall", "install", "postinstall"})
      if (!text_of(*scripts, script).empty()) manifest.install_script = true;
  return manifest;
}

Result<NpmLock> parse_npm_lock(std::string_view text) {
  const auto object = TRY(parse_object(text));
  NpmLock lock;
  if (const auto* packages = object_of(object, "packages"))
    for (const auto& [path, value] : *packages)
      if (const auto* package = value.if_object())
        lock.emplace(path,
                     NpmLockEntry{std::string(text_of(*package, "integrity")), truth_of(*package, "hasInstallScript")});
  return lock;
}

NpmWalk::NpmWalk(const Root& root, std::string_view directory, std::int64_t max_depth, const Interrupt& interrupt)
    : root_(root), max_depth_(max_depth), interrupt_(interrupt) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
  todo_.push_back({std::string(directory), 0});
}

std::optional<NpmPackage> NpmWalk::next() {
  while (!interrupt_.requested()) {
    if (next_ < found_.size()) return std::move(found_[next_++]);
    if (todo_.empty()) break;
    const auto folder = std::move(todo_.back());
    todo_.pop_back();
    found_.clear();
    next_ = 0;
    read(folder);
  }
  return std::nullopt;
}

void NpmWalk::read(const Folder& folder) {
  const auto modules = (folder.path == "/" ? "" : folder.path) + "/node_modules/";
  const auto entries = root_.list(modules);
  if (!entries) return;
  const auto nested = todo_.size();
  for (const auto& entry : *entries)
    if (!entry.name.starts_with('.') && !entry.name.starts_with('@')) add(modules + entry.name, folder.depth);
  for (const auto& entry : *entries) {
    if (!entry.name.starts_with('@')) continue;
    if (const auto scoped = root_.list(modules + entry.name))
      for (const auto& package : *scoped)
        if (!package.name.starts_with('.')) add(modules + entry.name + "/" + package.name, folder.depth);
  }
  // pnpm keeps each package in a folder of its own, with links to those it needs beside it.
  if (max_depth_ < 0 || folder.depth < max_depth_)
    if (const auto store = root_.list(modules + ".pnpm"))
      for (const auto& entry : *store) todo_.push_back({modules + ".pnpm/" + entry.name, folder.depth + 1});
  std::reverse(todo_.begin() + static_cast<std::ptrdiff_t>(nested), todo_.end());
}

void NpmWalk::add(std::string package, std::int64_t depth) {
  const auto manifest = root_.stat(package + "/package.json");
  if (!manifest || !seen_.insert(identity(*manifest)).second) return;
  if (max_depth_ < 0 || depth < max_depth_)
    if (root_.exists(package + "/node_modules")) todo_.push_back({package, depth + 1});
  found_.push_back({package + "/package.json", depth, manifest->stx_uid});
}

std::vector<std::string> system_npm_folders(const Root& root, const Interrupt& interrupt) {
  return with_modules(root,
                      {"/usr/local/lib", "/usr/lib", "/opt/homebrew/lib", "/usr/local/share/.config/yarn/global",
                       "/usr/local/share/pnpm/global/%"},
                      interrupt);
}

std::vector<std::string> home_npm_folders(const Root& root, std::string_view home, const Interrupt& interrupt) {
  while (home.ends_with('/')) home.remove_suffix(1);
  if (home.empty() || home.front() != '/' || home.find('%') != home.npos) return {};
  std::vector<std::string> patterns;
  for (const auto* folder :
       {".npm-global/lib", ".npm-packages/lib", ".local/lib", ".nvm/versions/node/%/lib",
        ".fnm/node-versions/%/installation/lib", ".local/share/fnm/node-versions/%/installation/lib",
        ".volta/tools/image/node/%/lib", ".volta/tools/image/packages/%/lib", ".asdf/installs/nodejs/%/lib",
        ".local/share/mise/installs/node/%/lib", ".local/share/pnpm/global/%", ".config/yarn/global",
        ".bun/install/global"})
    patterns.push_back(std::string(home).append("/").append(folder));
  return with_modules(root, patterns, interrupt);
}

std::vector<std::string> process_npm_folders(const Root& root, const Interrupt& interrupt) {
  static constexpr std::array<std::string_view, 4> kPrograms = {"node", "nodejs", "bun", "deno"};
  std::vector<std::string> found;
  const auto processes = root.list("/proc");
  if (!processes) return found;
  const auto link = [&](const std::string& path) { return root.read_link(path).value_or(""); };
  const auto own = link("/proc/self/ns/mnt");
  for (const auto& entry : *processes) {
    if (interrupt.requested()) break;
    if (!parse<unsigned>(entry.name)) continue;
    const auto process = "/proc/" + entry.name;
    const auto program = link(process + "/exe");
    const auto name = std::string_view(program).substr(program.rfind('/') + 1);
    if (std::ranges::find(kPrograms, name) == kPrograms.end()) continue;
    // What another mount namespace or a changed root calls by that path is another folder here.
    if (link(process + "/ns/mnt") != own || link(process + "/root") != "/") continue;
    auto folder = link(process + "/cwd");
    // As Node.js looks for modules: in the folder itself, then upwards.
    while (folder.size() > 1 && !root.exists(folder + "/node_modules")) folder.resize(folder.rfind('/'));
    if (folder.size() > 1) found.push_back(folder + "/");
  }
  return found;
}

}  // namespace osprey::linux
