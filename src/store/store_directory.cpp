#include "store/store_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "store/meter.h"

namespace osprey::store {
namespace {

constexpr auto kIdentityFile = "identity";
constexpr auto kDamageFile = "damaged";
constexpr auto kOpeningFile = "opening";       // a byte a try
constexpr std::size_t kSmallFile = 256 << 10;  // identity and mark are far smaller

// The process that holds the lock on a directory, as the kernel lists it; 0 if that is not to be found out.
pid_t lock_holder(int fd) {
  struct stat facts{};
  if (::fstat(fd, &facts) != 0) return 0;
  const auto file = fmt::format("{:02x}:{:02x}:{}", major(facts.st_dev), minor(facts.st_dev), facts.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    const auto words = fields(line);  // "1: FLOCK ADVISORY WRITE 4711 fd:01:1234 0 EOF"
    if (words.size() > 5 && words[1] == "FLOCK" && words[5] == file) return parse<pid_t>(words[4]).value_or(0);
  }
  return 0;
}

std::string name_of_process(pid_t pid) {
  std::string name;
  std::ifstream comm(fmt::format("/proc/{}/comm", pid));
  std::getline(comm, name);
  return name;
}

Result<void> take_lock(int fd, const std::string& path) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return system_failure(path);
  const pid_t holder = lock_holder(fd);
  if (holder == 0) return std::unexpected(Error{EBUSY, path, "another process has this database open"});
  return std::unexpected(
      Error{EBUSY, path, fmt::format("process {} ({}) has this database open", holder, name_of_process(holder))});
}

// A directory that nobody else can have prepared.
Result<UniqueFd> open_own(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ELOOP || errno == ENOTDIR)) {
    std::error_code ignored;
    if (std::filesystem::is_symlink(path, ignored))
      return std::unexpected(Error{ELOOP, path, "is a symbolic link; give the directory that it leads to"});
    return std::unexpected(Error{ENOTDIR, path, "is not a directory"});
  }
  if (!fd) return system_failure(path);
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return system_failure(path);
  if (facts.st_uid != ::geteuid())
    return std::unexpected(
        Error{EPERM, path, fmt::format("belongs to uid {}, and this process is uid {}", facts.st_uid, ::geteuid())});
  if ((facts.st_mode & 07777) != 0700 && ::fchmod(fd.get(), 0700) != 0) return system_failure(path);
  return fd;
}

void sync_parent(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const UniqueFd fd(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
}

Result<void> write_all(int fd, std::string_view bytes, const std::string& subject) {
  while (!bytes.empty()) {
    const auto count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure(subject);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Result<StoreDirectory> StoreDirectory::lock(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const auto parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return system_failure(error.value(), parent);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_failure(path);
  auto fd = TRY(open_own(path));
  TRY(take_lock(fd.get(), path));
  return StoreDirectory(std::move(path), std::move(fd));
}

std::optional<std::string> StoreDirectory::damage() const { return read_file(kDamageFile); }

void StoreDirectory::mark_damaged(std::string_view reason) { (void)write_file(kDamageFile, reason); }

std::size_t StoreDirectory::begin_opening() {
  const auto before = read_file(kOpeningFile).value_or("").size();
  const UniqueFd file(::openat(fd_.get(), kOpeningFile, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file) (void)write_all(file.get(), "x", kOpeningFile);
  return before;
}

void StoreDirectory::end_opening(const std::string& path) { ::unlink((path + "/" + kOpeningFile).c_str()); }

Result<std::string> StoreDirectory::set_aside() {
  const auto kept = identity();
  auto aside = fmt::format("{}.damaged-{}", path_, std::time(nullptr));
  // The fresh directory is made under the name of the old and the two change places: at no moment is there none.
  if (::mkdir(aside.c_str(), 0700) == 0) {
    if (auto fresh = open_own(aside); fresh && take_lock(fresh->get(), aside)) {
      StoreDirectory next(aside, std::move(*fresh));
      if ((kept.empty() || next.save_identity(kept)) &&
          ::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0) {
        sync_parent(path_);
        fd_ = std::move(next.fd_);
        return aside;
      }
    }
    std::error_code ignored;
    std::filesystem::remove_all(aside, ignored);
  }
  for (std::error_code error; const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    if (entry.path().filename() == kIdentityFile) continue;
    std::filesystem::remove_all(entry.path(), error);
    if (error) return system_failure(error.value(), entry.path());
  }
  return std::string();
}

std::vector<std::string> StoreDirectory::set_asides() const {
  const std::filesystem::path path(path_);
  const auto prefix = path.filename().string() + ".damaged-";
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::error_code error;
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  for (std::filesystem::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    if (const auto time = parse<std::int64_t>(std::string_view(name).substr(prefix.size())))
      found.emplace_back(*time, at->path().string());
  }
  std::ranges::sort(found);
  std::vector<std::string> paths;
  paths.reserve(found.size());
  for (auto& [time, one] : found) paths.push_back(std::move(one));
  return paths;
}

std::vector<std::string> StoreDirectory::prune_set_asides(std::size_t most, std::uint64_t most_bytes,
                                                          std::uint64_t free_floor) {
  const auto all = set_asides();
  std::uint64_t bytes = 0;
  for (const auto& one : all) bytes += measure(one);
  std::vector<std::string> gone;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto left = all.size() - i;
    const bool too_large = most_bytes != 0 && bytes > most_bytes && left > 1;
    const bool too_full = free_bytes(path_).value_or(free_floor) < free_floor;
    if (left <= most && !too_large && !too_full) break;
    bytes -= measure(all[i]);
    std::error_code ignored;
    std::filesystem::remove_all(all[i], ignored);
    gone.push_back(all[i]);
  }
  return gone;
}

Identity StoreDirectory::identity() const {
  const auto text = read_file(kIdentityFile);
  return text ? parse_identity(*text) : Identity{};
}

Result<void> StoreDirectory::save_identity(const Identity& identity) {
  return write_file(kIdentityFile, format_identity(identity));
}

Result<void> StoreDirectory::write_file(const char* name, std::string_view bytes) {
  const auto temporary = fmt::format("{}.new", name);
  UniqueFd file(::openat(fd_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return system_failure(path_ + "/" + temporary);
  auto written = write_all(file.get(), bytes, path_ + "/" + temporary);
  if (written && (::fsync(file.get()) != 0 || ::renameat(fd_.get(), temporary.c_str(), fd_.get(), name) != 0))
    written = system_failure(path_ + "/" + name);
  if (!written) {
    ::unlinkat(fd_.get(), temporary.c_str(), 0);
    return written;
  }
  ::fsync(fd_.get());
  return {};
}

std::optional<std::string> StoreDirectory::read_file(const char* name) const {
  const UniqueFd file(::openat(fd_.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string bytes(kSmallFile, '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    const auto count = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    size += static_cast<std::size_t>(count);
  }
  bytes.resize(size);
  return bytes;
}

std::optional<std::uint64_t> free_bytes(const std::string& path) {
  struct statvfs facts{};
  if (::statvfs(path.c_str(), &facts) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

}  // namespace osprey::store
