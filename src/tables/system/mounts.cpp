#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <optional>

#include "base/mountinfo.h"
#include "linux/procfs/mount_options.h"
#include "tables/entries_of.h"

namespace osprey::tables {
namespace {

// statfs(2) can ask the host itself only: a captured tree would be answered for with this machine's own sizes.
// Network, FUSE and automount mounts are never asked, for their answer may never come.
struct Handle {
  Mount mount;
  const Root* root;
  std::optional<Result<struct statfs>> sizes{};

  const Result<struct statfs>& ask_sizes() {
    if (!sizes) sizes = look();
    return *sizes;
  }
  Result<struct statfs> look() const {
    if (!root->is_host() || may_hang(mount.type)) return system_failure(ENOENT, mount.point);
    const auto point = TRY(root->open_path(mount.point));
    struct statfs found;
    if (::fstatfs(point.get(), &found) != 0) return system_failure(mount.point);
    return found;
  }
  template <auto member>
  static Result<std::int64_t> size(Handle& handle) {
    const auto& sizes = handle.ask_sizes();
    if (!sizes) return std::unexpected(sizes.error());
    return static_cast<std::int64_t>((*sizes).*member);
  }

  // A source that is no absolute path is looked for from "/", where osquery's daemon stands: the source "proc" is
  // answered with "/proc".
  std::string device_alias() const {
    if (may_hang(mount.type) || mount.source.empty()) return mount.source;
    const auto top = root->open_path("/");
    const auto device = root->open_path(mount.source.starts_with('/') ? mount.source : "/" + mount.source);
    if (!top || !device) return mount.source;
    const auto prefix = name_of(*top);
    auto path = name_of(*device);
    if (prefix != "/" && path.starts_with(prefix)) path.erase(0, prefix.size());
    return path.empty() ? mount.source : path;
  }
  // The path that the kernel knows an open file by, all links resolved.
  static std::string name_of(const UniqueFd& file) {
    std::array<char, PATH_MAX> name;
    const auto length = ::readlink(("/proc/self/fd/" + std::to_string(file.get())).c_str(), name.data(), name.size());
    return {name.data(), length < 0 ? 0 : static_cast<std::size_t>(length)};
  }

  std::string flags() const { return linux::mount_options(mount); }
  std::string_view propagation() const {
    return mount.propagation.empty() ? std::string_view("private") : std::string_view(mount.propagation);
  }
};

Rows<Handle> scan(const Scan& scan) {
  const auto file = scan.take(scan.root().read("/proc/self/mountinfo"));
  if (!file) co_return;
  auto table = parse_mountinfo(file->bytes);
  for (auto& mount : table.mounts) {
    Handle handle{std::move(mount), &scan.root()};
    co_yield handle;
    if (scan.interrupted()) co_return;
  }
  warn_skipped(scan, "/proc/self/mountinfo", table.skipped);
}

}  // namespace

Table mounts() {
  return table("mounts", "Filesystems mounted in the agent's mount namespace.", scan)
      .column(
          "device", TEXT, [](const Handle& h) -> std::string_view { return h.mount.source; },
          "What is mounted: a device, a server's export or a label.")
      .column("device_alias", TEXT, &Handle::device_alias, "The same with symbolic links resolved, where it is a file.")
      .column(
          "path", TEXT, [](const Handle& h) -> std::string_view { return h.mount.point; }, "The mount point.")
      .column(
          "type", TEXT, [](const Handle& h) -> std::string_view { return h.mount.type; }, "Type of filesystem.")
      .column("blocks_size", BIGINT, &Handle::size<&statfs::f_bsize>, "Size of a block in bytes.")
      .column("blocks", BIGINT, &Handle::size<&statfs::f_blocks>, "Blocks in all.")
      .column("blocks_free", BIGINT, &Handle::size<&statfs::f_bfree>, "Blocks not in use.")
      .column("blocks_available", BIGINT, &Handle::size<&statfs::f_bavail>,
              "Blocks that an ordinary user may still fill.")
      .column("inodes", BIGINT, &Handle::size<&statfs::f_files>, "Inodes in all.")
      .column("inodes_free", BIGINT, &Handle::size<&statfs::f_ffree>, "Inodes not in use.")
      .column("flags", TEXT, &Handle::flags, "Options of mount and filesystem, separated by commas.")
      .column(
          "mount_id", [](const Handle& h) { return h.mount.id; }, "The kernel's number of this mount.", HIDDEN)
      .column(
          "parent_id", [](const Handle& h) { return h.mount.parent_id; }, "Number of the mount it sits on.", HIDDEN)
      .column("propagation", &Handle::propagation, "Peer groups that mounts below it are shared with, or private.",
              HIDDEN)
      .column(
          "super_options", [](const Handle& h) -> std::string_view { return h.mount.super_options; },
          "Options of the filesystem itself, whoever mounts it.", HIDDEN)
      .example("SELECT path, round(100.0 * blocks_available / blocks, 1) AS percent_free FROM mounts WHERE blocks > 0")
      .example("SELECT path, device, flags FROM mounts WHERE type LIKE 'nfs%' OR type = 'cifs'")
      .note(
          "The sizes of network, FUSE and automount mounts are NULL: their server may be gone, and they are never "
          "touched.");
}

}  // namespace osprey::tables
