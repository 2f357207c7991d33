#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "linux/files/extended_attributes.h"
#include "tables/files/asked_paths.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

std::string_view type_name(mode_t type) {
  switch (type) {
    case S_IFREG:
      return "regular";
    case S_IFDIR:
      return "directory";
    case S_IFLNK:
      return "symlink";
    case S_IFBLK:
      return "block";
    case S_IFCHR:
      return "character";
    case S_IFIFO:
      return "fifo";
    case S_IFSOCK:
      return "socket";
    default:
      return "unknown";
  }
}

// One entry of the walk. Facts are those of what a link leads to, as osquery has them.
struct Handle {
  linux::PathWalk& walk;

  std::optional<bool> immutable() const {
    const auto& facts = walk.facts();
    if (!facts || !(facts->stx_attributes_mask & STATX_ATTR_IMMUTABLE)) return std::nullopt;
    return (facts->stx_attributes & STATX_ATTR_IMMUTABLE) != 0;
  }
  Result<std::string> mode() const {
    const auto& facts = walk.facts();
    if (!facts) return std::unexpected(facts.error());
    std::string text(4, '0');
    for (unsigned i = 0; i < 4; ++i) text[3 - i] = static_cast<char>('0' + (facts->stx_mode >> (3 * i) & 7));
    return text;
  }
  bool is_link() const { return walk.type() == S_IFLNK; }
  std::string_view type() const {
    if (const auto own = walk.type(); own != S_IFLNK && own != 0) return type_name(own);
    const auto& facts = walk.facts();
    return type_name(facts ? facts->stx_mode & S_IFMT : 0);
  }
  // Where a link ends; where it dangles, what is written in it, from the root on.
  Result<std::string> link_target() const {
    if (!is_link()) return std::string();
    if (auto real = walk.root().real_path(walk.path())) return real;
    auto target = TRY(walk.root().read_link(walk.path()));
    if (target.starts_with('/')) return target;
    const auto directory = walk.directory();
    return fmt::format("{}/{}", directory == "/" ? "" : directory, target);
  }
  Result<std::string> selinux_label() const {
    auto label = TRY(linux::read_attribute(walk.root(), walk.path(), "security.selinux"));
    while (label.ends_with('\0')) label.pop_back();
    return label;
  }
};

// A number among the facts.
template <auto get>
Result<std::int64_t> fact(const Handle& handle) {
  return transform(handle.walk.facts(), [](const auto& facts) { return static_cast<std::int64_t>(get(facts)); });
}

Rows<Handle> scan(const Scan& scan) {
  auto walk = asked_paths(scan);
  // An entry that is gone when it is looked at has no row; one whose facts nobody asks for is not looked at.
  bool looks = false;
  for (const auto column : {"inode", "uid", "gid", "mode", "device", "size", "block_size", "atime", "mtime", "ctime",
                            "btime", "hard_links", "mount_id", "immutable"})
    looks = looks || scan.wants(column);
  Handle handle{walk};
  while (walk.next()) {
    if (looks && !walk.facts() && walk.facts().error().absent()) continue;
    co_yield handle;
  }
}

}  // namespace

Table file() {
  return table("file", "Facts about files: names, owners, times, sizes.", scan)
      .column(
          "path", TEXT, [](const Handle& h) { return h.walk.path(); }, kPathHelp, INDEX | REQUIRED | OPTIMIZED)
      .column(
          "directory", TEXT, [](const Handle& h) { return h.walk.directory(); },
          "The directory it is in. Asked by = or LIKE it gives what lies directly in that directory.",
          REQUIRED | OPTIMIZED)
      .column(
          "filename", TEXT, [](const Handle& h) { return h.walk.filename(); }, "The last part of the path.")
      .column("inode", BIGINT, fact<[](auto& f) { return f.stx_ino; }>, "Inode number.")
      .column("uid", BIGINT, fact<[](auto& f) { return f.stx_uid; }>, "User id of the owner.")
      .column("gid", BIGINT, fact<[](auto& f) { return f.stx_gid; }>, "Group id of the owner.")
      .column("mode", TEXT, &Handle::mode, "Permission bits, in octal.")
      .column("device", BIGINT, fact<[](auto& f) { return makedev(f.stx_rdev_major, f.stx_rdev_minor); }>,
              "For device files, the number of the device they stand for; else 0.")
      .column("size", BIGINT, fact<[](auto& f) { return f.stx_size; }>, "Size in bytes.")
      .column("block_size", INTEGER, fact<[](auto& f) { return f.stx_blksize; }>,
              "Block size of the filesystem, in bytes.")
      .column("atime", BIGINT, fact<[](auto& f) { return f.stx_atime.tv_sec; }>,
              "When it was last read, in Unix seconds.")
      .column("mtime", BIGINT, fact<[](auto& f) { return f.stx_mtime.tv_sec; }>,
              "When its content last changed, in Unix seconds.")
      .column("ctime", BIGINT, fact<[](auto& f) { return f.stx_ctime.tv_sec; }>,
              "When its content or its metadata last changed, in Unix seconds.")
      .column("btime", BIGINT, fact<[](auto& f) { return f.stx_mask & STATX_BTIME ? f.stx_btime.tv_sec : 0; }>,
              "When it was created, in Unix seconds; 0 where the filesystem keeps none.")
      .column("hard_links", INTEGER, fact<[](auto& f) { return f.stx_nlink; }>, "How many names the file has.")
      .column("symlink", INTEGER, &Handle::is_link,
              "1 if the path is a symbolic link; other columns then tell about what it leads to.")
      .column("type", TEXT, &Handle::type,
              "regular, directory, block, character, fifo or socket; symlink where a link leads nowhere.")
      .column("symlink_target_path", TEXT, &Handle::link_target, "Where a symbolic link leads in the end.")
      .foreign(TEXT, {"attributes", "volume_serial", "file_id"})
      .foreign(TEXT, {"file_version", "product_version"}, VERSION)
      .foreign(TEXT, {"original_filename", "shortcut_target_path", "shortcut_target_type", "shortcut_target_location",
                      "shortcut_start_in", "shortcut_run", "shortcut_comment", "bsd_flags"})
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column("selinux_label", &Handle::selinux_label, "SELinux security context.", HIDDEN)
      .column("immutable", &Handle::immutable, "1 if the file cannot be changed or removed, as chattr +i has it.",
              HIDDEN)
      .column("mount_id", BIGINT, fact<[](auto& f) { return f.stx_mnt_id; }>,
              "Id of the mount it is on, as in mountinfo.", HIDDEN)
      .utility()
      .example("SELECT path, size, mtime FROM file WHERE path LIKE '/etc/%%' AND mtime > unixepoch() - 3600")
      .example("SELECT path, uid, mode FROM file WHERE directory = '/etc/cron.d'")
      .note(
          "Walks follow symbolic links to directories once each, end 64 levels down, and do not enter network, FUSE "
          "or automount mounts, nor /proc and /sys unless the pattern begins with them.");
}

}  // namespace osprey::tables
