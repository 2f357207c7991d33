// Programs that run with their owner's rights: files with the set-user-ID or set-group-ID bit (inode(7)).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "linux/files/path_walk.h"

namespace osprey::linux {

struct SetIdFile {
  std::string path;  // as it was come by; a symbolic link that leads to such a file counts
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;

  bool set_user() const noexcept;
  bool set_group() const noexcept;
};

// Walks the tree below a directory depth first, in the order of names. It stays on the directory's filesystem and
// does not descend through links, of which only those to files are followed, and no deeper than kMaxDepth.
class SetIdWalk {
 public:
  static constexpr std::size_t kMaxDepth = 64;

  // `budget` may be null.
  SetIdWalk(Root root, std::string directory, IoBudget* budget);

  // The next such file; empty at the end, or when interrupted. A directory that could not be looked into is an error;
  // the walk goes on after it.
  Result<std::optional<SetIdFile>> next(const Interrupt& interrupt);

 private:
  using Device = std::pair<std::uint32_t, std::uint32_t>;
  struct Level {
    Root::Directory directory;
    std::string path;  // ends in a slash
    DirectoryNames names;
  };

  void push(Root::Directory directory, std::string path, const Interrupt& interrupt);
  Result<void> start(const std::string& path, const Interrupt& interrupt);
  Result<std::optional<SetIdFile>> look_at(const Level& level, DirectoryNames::Entry entry, const Interrupt& interrupt);

  Root root_;
  IoBudget* budget_;
  std::optional<std::string> start_;  // until the first step
  Device device_;
  std::vector<Level> levels_;
};

}  // namespace osprey::linux
