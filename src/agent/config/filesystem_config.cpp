#include "agent/config/filesystem_config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <filesystem>

#include "agent/config/file_safety.h"
#include "base/root.h"
#include "base/unique_fd.h"

namespace osprey::agent {
namespace {

constexpr std::size_t kLargestFile = 16 << 20;
constexpr std::string_view kMagic = "*?[";

bool is_folder(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
}

Result<UniqueFd> open_regular(const std::string& path) {
  // The path is the user's own, relative perhaps; O_NONBLOCK keeps a FIFO from holding us.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return system_failure(path);
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) return system_failure(path);
  if (!S_ISREG(about.st_mode)) return failure(path, "is not a regular file");
  return file;
}

Result<std::string> read_whole(int fd, const std::string& path) {
  auto content = TRY(read_all(fd, kLargestFile, path));
  if (content.truncated) return failure(path, fmt::format("is larger than {} bytes", kLargestFile));
  return std::move(content.bytes);
}

}  // namespace

Result<std::string> read_config_file(const std::string& path, bool safe) {
  const auto file = TRY(open_regular(path));
  if (safe) TRY(check_unwritable_by_others(file.get(), path));
  return read_whole(file.get(), path);
}

Result<ConfigPlugin::Sources> FilesystemConfig::fetch() {
  files_.clear();
  folders_.clear();
  Sources sources;
  const auto& path = options_.path;
  files_.insert(path);
  if (!options_.osquery_compatible && is_folder(path)) {
    add_folder(path, sources);
    if (sources.empty()) return failure(path, "no *.conf in this folder");
    return sources;
  }
  struct stat about{};
  const bool there = ::stat(path.c_str(), &about) == 0;
  if (!there && !options_.osquery_compatible && path.find_first_of(kMagic) != path.npos) {
    for (const auto& file : match(path)) sources.emplace(file, read(file));
    if (sources.empty()) return failure(path, "no file matches this pattern");
    return sources;
  }
  if (options_.osquery_compatible && (!there || !S_ISREG(about.st_mode)))
    return failure({}, fmt::format("config file does not exist: {}", path));
  if (!there) return system_failure(path);
  sources.emplace(path, read(path));
  add_folder(path + ".d", sources);
  return sources;
}

ConfigPlugin::Watched FilesystemConfig::watched() const {
  return {{files_.begin(), files_.end()}, {folders_.begin(), folders_.end()}};
}

void FilesystemConfig::add_folder(const std::string& folder, Sources& sources) const {
  folders_.insert(folder);  // one that is not there yet may come
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with('.') || !name.ends_with(".conf") || is_folder(entry.path())) continue;
    sources.emplace(entry.path(), read(entry.path()));
  }
}

Result<std::string> FilesystemConfig::read(const std::string& path) const {
  files_.insert(path);
  const auto file = TRY(open_regular(path));
  TRY(check(file.get(), path));
  return read_whole(file.get(), path);
}

Result<void> FilesystemConfig::check(int fd, const std::string& path) const {
  if (options_.allow_unsafe) return {};
  auto safe = check_unwritable_by_others(fd, path);
  if (safe || !options_.osquery_compatible) return safe;
  if (warned_.insert(path).second && options_.warn) options_.warn(safe.error().text());
  return {};
}

std::vector<std::string> FilesystemConfig::match(const std::string& pattern) const {
  folders_.insert(folder_of(pattern.substr(0, pattern.find_first_of(kMagic))));
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  for (const auto& path : paths) folders_.insert(folder_of(path));
  return paths;
}

}  // namespace osprey::agent
