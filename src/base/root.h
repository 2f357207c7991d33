// Root: a filesystem somebody looks at. The host's "/", a captured tree in a test, an image, a container's root.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey {

// Whether the last component of a path is followed when it is a symbolic link.
enum class Links { follow, keep };

struct Content {
  std::string bytes;
  bool truncated = false;  // the file goes on beyond the cap
};

struct DirectoryEntry {
  std::string name;
  unsigned char type = 0;  // DT_* of readdir(3); DT_UNKNOWN where the filesystem does not say
};

// A cheap value; copies share the directory they look at. Paths are absolute and resolved inside the root: neither
// ".." nor a symbolic link leaves it (openat2(2), RESOLVE_IN_ROOT; /proc's magic links are refused). Safe to use from
// several threads.
//
// Nothing here blocks: only regular files are opened for reading (a FIFO, socket, device or directory is an error
// that says so), and a path that would cross into a network, FUSE or automount mount is refused, judged from
// mountinfo before it is touched (rules R1 to R4).
class Root {
 public:
  static constexpr std::size_t kTextCap = 4 << 20;        // R2: text files
  static constexpr std::size_t kDatabaseCap = 512 << 20;  // R2: databases

  // This process's own "/".
  static Root host();
  // The tree below `directory`, as a fixture or an image has it.
  static Result<Root> at(const std::string& directory);
  // What process `pid` sees as "/", through /proc/PID/root. Only for the host's root: an error elsewhere.
  Result<Root> of_process(pid_t pid) const;

  // What is not a filesystem (netlink, statfs, NSS, D-Bus) can only be asked about the host itself.
  bool is_host() const noexcept;

  // The whole of a regular file, at most `cap` bytes of it.
  Result<Content> read(std::string_view path, std::size_t cap = kTextCap,
                       const Interrupt& interrupt = Interrupt::never()) const;
  // A small file's text without trailing white space: sysfs attributes and the like.
  Result<std::string> read_trimmed(std::string_view path) const;
  // A regular file, open for reading.
  Result<UniqueFd> open(std::string_view path) const;
  // An O_PATH handle of anything, for *at() calls.
  Result<UniqueFd> open_path(std::string_view path, Links links = Links::follow) const;
  // A directory, open for reading its entries.
  Result<UniqueFd> open_directory(std::string_view path) const;
  // Entries sorted by name, without "." and "..".
  Result<std::vector<DirectoryEntry>> list(std::string_view path) const;
  // Where the symbolic link at `path` points, as it is written there.
  Result<std::string> read_link(std::string_view path) const;
  Result<struct statx> stat(std::string_view path, Links links = Links::follow) const;
  bool exists(std::string_view path) const;
  // The path inside this root that `path` leads to, all symbolic links resolved.
  Result<std::string> real_path(std::string_view path) const;

  class Directory;
  // A directory to walk from, links in `path` followed.
  Result<Directory> directory(std::string_view path) const;

 private:
  struct State;
  using MountPoints = std::set<std::string, std::less<>>;
  explicit Root(std::shared_ptr<State> state);
  // `walked`, if given, takes the path without links, where some mount may hang; it is left empty where none does.
  Result<UniqueFd> resolve(std::string_view path, int flags, std::string* walked = nullptr) const;

  std::shared_ptr<State> state_;
};

// A directory held open for walks: its entries' facts and its child directories are looked up from here, without
// resolving the path from the top each time, and with the Root's guarantees. `name` is one component, as list_directory
// gives it; it is never followed where it is a symbolic link (ELOOP): ask the Root for that.
class Root::Directory {
 public:
  Directory(Directory&&) noexcept = default;
  Directory& operator=(Directory&&) noexcept = default;

  // For getdents64(2) and readlinkat(2).
  int fd() const noexcept { return fd_.get(); }
  Result<struct statx> stat(const char* name) const;
  // A child directory. One on another mount than this is entered too, but for /proc and /sys (a kernel filesystem is
  // walked only from a path that names it) and for what may hang.
  Result<Directory> enter(const char* name) const;
  // Whether this is a directory of procfs or sysfs.
  bool is_kernel_filesystem() const;

 private:
  friend class Root;
  Directory(UniqueFd fd, std::shared_ptr<const MountPoints> hanging, std::string path)
      : fd_(std::move(fd)), hanging_(std::move(hanging)), path_(std::move(path)) {}
  // Whether `name` is a mount point that must not be touched.
  bool may_hang(const char* name) const;

  UniqueFd fd_;
  std::shared_ptr<const MountPoints> hanging_;  // null where there are none
  std::string path_;                            // in the root, without links; only where there are some
};

// The regular file of an O_PATH handle, open for reading, as Root::open() does. `path` names it in errors.
Result<UniqueFd> open_handle(int handle, std::string_view path);
// Reads an open file to its end or to `cap` bytes. `path` names it in errors.
Result<Content> read_all(int fd, std::size_t cap, std::string_view path,
                         const Interrupt& interrupt = Interrupt::never());
// The entries of an open directory, sorted by name. `path` names it in errors.
Result<std::vector<DirectoryEntry>> list_directory(int fd, std::string_view path);

}  // namespace osprey
