#include "base/mountinfo.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace osprey {
namespace {

// The kernel writes blanks, line ends, backslashes and '#' as three octal digits.
std::string unescape_octal(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      if (const auto code = parse<unsigned>(text.substr(i + 1, 3), 8); code && *code < 256) {
        plain += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    plain += text[i];
  }
  return plain;
}

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
// Fields stand between single blanks: a source may be empty.
std::optional<Mount> parse_line(std::string_view line) {
  const auto id = parse<std::int64_t>(take_until(line, ' '));
  const auto parent = parse<std::int64_t>(take_until(line, ' '));
  if (!id || !parent) return std::nullopt;
  Mount mount{.id = *id, .parent_id = *parent};
  take_until(line, ' ');  // the device number
  mount.root = unescape_octal(take_until(line, ' '));
  mount.point = unescape_octal(take_until(line, ' '));
  mount.options = take_until(line, ' ');
  for (;;) {
    if (line.empty()) return std::nullopt;
    const auto tag = take_until(line, ' ');
    if (tag == "-") break;
    if (!mount.propagation.empty()) mount.propagation += ' ';
    mount.propagation += tag;
  }
  mount.type = unescape_octal(take_until(line, ' '));
  mount.source = unescape_octal(take_until(line, ' '));
  mount.super_options = unescape_octal(line);
  if (mount.point.empty() || mount.type.empty()) return std::nullopt;
  return mount;
}

}  // namespace

MountTable parse_mountinfo(std::string_view text) {
  MountTable table;
  for (const auto line : Lines(text)) {
    if (auto mount = parse_line(line))
      table.mounts.push_back(std::move(*mount));
    else if (!line.empty())
      ++table.skipped;
  }
  return table;
}

bool may_hang(std::string_view filesystem_type) noexcept {
  static constexpr std::array<std::string_view, 17> kTypes = {
      "9p",   "afs",    "autofs", "beegfs", "ceph", "cifs",     "coda", "fuseblk", "glusterfs",
      "gpfs", "lustre", "ncpfs",  "nfs",    "nfs4", "orangefs", "smb3", "smbfs"};
  return std::ranges::find(kTypes, filesystem_type) != kTypes.end() || filesystem_type == "fuse" ||
         filesystem_type.starts_with("fuse.");
}

}  // namespace osprey
