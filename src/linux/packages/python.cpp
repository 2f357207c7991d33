#include "linux/packages/python.h"

#include <dirent.h>

#include <boost/json.hpp>
#include <set>

#include "base/text.h"
#include "linux/files/path_walk.h"
#include "linux/packages/control.h"

namespace osprey::linux {
namespace {

// Headers come first; a long description may follow them.
constexpr std::size_t kMetadataCap = 256 << 10;
constexpr std::string_view kDistInfo = ".dist-info";
constexpr std::string_view kEggInfo = ".egg-info";

// Below an environment's prefix.
constexpr std::string_view kSite = "/lib/python%/site-packages/";

std::string_view without_slash(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// The directories that match, in order, each once however many names lead to it (lib64 is often a link to lib).
std::vector<std::string> matching_directories(const Root& root, const std::vector<std::string>& patterns,
                                              const Interrupt& interrupt) {
  std::vector<std::string> found;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  for (const auto& pattern : patterns) {
    PathWalk::Options options;
    options.dialect = PatternDialect::osquery;
    options.interrupt = &interrupt;
    PathWalk walk(root, std::move(options));
    walk.add_pattern(pattern);
    while (walk.next()) {
      const auto& facts = walk.facts();
      if (!facts || !S_ISDIR(facts->stx_mode)) continue;
      const auto device = std::uint64_t{facts->stx_dev_major} << 32 | facts->stx_dev_minor;
      if (!seen.emplace(device, facts->stx_ino).second) continue;
      found.emplace_back(without_slash(walk.path()));
      found.back() += '/';
    }
  }
  return found;
}

}  // namespace

PythonMetadata parse_python_metadata(std::string_view text) {
  PythonMetadata metadata;
  std::string_view expression;
  take_stanza(text, [&](std::string_view name, std::string_view value) {
    const auto is = [&](std::string_view wanted) { return equal_ignoring_case(name, wanted); };
    if (is("Name")) metadata.name = first_line(value);
    if (is("Version")) metadata.version = first_line(value);
    if (is("Summary")) metadata.summary = first_line(value);
    if (is("Author")) metadata.author = first_line(value);
    if (is("License")) metadata.license = first_line(value);
    if (is("License-Expression")) expression = first_line(value);
  });
  if (metadata.license.empty()) metadata.license = expression;
  return metadata;
}

bool is_editable(std::string_view direct_url) {
  boost::system::error_code error;
  const auto value = boost::json::parse(direct_url, error);
  if (error || !value.is_object()) return false;
  const auto* info = value.get_object().if_contains("dir_info");
  if (!info || !info->is_object()) return false;
  const auto* editable = info->get_object().if_contains("editable");
  return editable && editable->is_bool() && editable->get_bool();
}

Result<PythonMetadata> PythonPackage::metadata(const Root& root) const {
  const auto* file = is_file ? "" : path.ends_with(kDistInfo) ? "/METADATA" : "/PKG-INFO";
  auto metadata = parse_python_metadata(TRY(root.read(path + file, kMetadataCap)).bytes);
  std::string_view stem = std::string_view(path).substr(path.rfind('/') + 1);
  stem = stem.substr(0, stem.rfind('.'));
  const auto name = take_until(stem, '-');
  if (metadata.name.empty()) metadata.name = name;
  if (metadata.version.empty()) metadata.version = take_until(stem, '-');
  return metadata;
}

Result<std::string> PythonPackage::installer(const Root& root) const {
  if (is_file) return system_failure(ENOENT, path);
  return root.read_trimmed(path + "/INSTALLER");
}

Result<bool> PythonPackage::editable(const Root& root) const {
  if (is_file) return false;
  const auto direct_url = root.read(path + "/direct_url.json", kMetadataCap);
  if (direct_url) return is_editable(direct_url->bytes);
  if (direct_url.error().absent()) return false;
  return std::unexpected(direct_url.error());
}

Result<std::vector<PythonPackage>> python_packages_in(const Root& root, std::string_view directory) {
  const auto prefix = std::string(directory) + (directory.ends_with('/') ? "" : "/");
  std::vector<PythonPackage> packages;
  for (const auto& entry : TRY(root.list(prefix))) {
    const bool egg = entry.name.ends_with(kEggInfo);
    if (!egg && !entry.name.ends_with(kDistInfo)) continue;
    PythonPackage package{prefix + entry.name};
    auto type = entry.type;
    if (type == DT_LNK || type == DT_UNKNOWN) {
      const auto facts = root.stat(package.path);
      if (!facts) continue;
      type = static_cast<unsigned char>(IFTODT(facts->stx_mode));
    }
    package.is_file = type == DT_REG;
    if (type == DT_DIR || (egg && package.is_file)) packages.push_back(std::move(package));
  }
  return packages;
}

std::vector<std::string> system_python_sites(const Root& root, const Interrupt& interrupt) {
  std::vector<std::string> patterns;
  for (const auto* prefix : {"/usr/local/lib/", "/usr/local/lib64/", "/usr/lib/", "/usr/lib64/"})
    for (const auto* name : {"dist-packages/", "site-packages/"})
      patterns.push_back(std::string(prefix) + "python%/" + name);
  // pipx --global; conda and virtual environments of services.
  for (const auto* prefix : {"/opt/pipx/venvs/%", "/opt/%", "/opt/%/envs/%", "/opt/%/venv", "/opt/%/.venv", "/srv/%",
                             "/srv/%/venv", "/srv/%/.venv"})
    patterns.push_back(std::string(prefix).append(kSite));
  return matching_directories(root, patterns, interrupt);
}

std::vector<std::string> home_python_sites(const Root& root, std::string_view home, const Interrupt& interrupt) {
  home = without_slash(home);
  if (!home.starts_with('/') || home == "/" || home.find('%') != home.npos) return {};
  const auto below = [&](std::string_view prefix) {
    return std::string(home).append("/").append(prefix).append(kSite);
  };
  std::vector<std::string> patterns;
  for (const auto* prefix :
       {".pyenv/versions/%", ".pyenv/versions/%/envs/%", ".local", ".local/pipx/venvs/%", ".local/share/pipx/venvs/%",
        ".virtualenvs/%", ".local/share/virtualenvs/%", ".cache/pypoetry/virtualenvs/%", ".local/share/uv/tools/%",
        ".local/share/uv/python/%", ".rye/py/%", ".rye/tools/%", ".local/share/hatch/env/virtual/%/%/%",
        ".conda/envs/%", ".venv", "venv", "%/.venv", "%/venv", "%/env"})
    patterns.push_back(below(prefix));
  for (const std::string conda : {"anaconda3", "miniconda3", "miniforge3", "mambaforge", "micromamba"}) {
    patterns.push_back(below(conda));
    patterns.push_back(below(conda + "/envs/%"));
  }
  // conda's own list of the environments that it made, wherever they are.
  if (const auto list = root.read(std::string(home) + "/.conda/environments.txt"))
    for (const auto line : Lines(list->bytes))
      if (line.starts_with('/') && line.find('%') == line.npos)
        patterns.push_back(std::string(without_slash(trim(line))).append(kSite));
  return matching_directories(root, patterns, interrupt);
}

std::string_view python_environment(std::string_view site) {
  site = without_slash(site);
  for (int i = 0; i < 3; ++i) {
    const auto slash = site.rfind('/');
    if (slash == site.npos) return {};
    site = site.substr(0, slash);
  }
  return site;
}

}  // namespace osprey::linux
