// Programs that run with their owner's rights: files with the set-user-ID or set-group-ID bit (inode(7)).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

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
// does not descend through links, of which only those to files are followed. Only descriptors of the directories on
// the way down are held, and no deeper than kMaxDepth.
class SetIdWalk {
 public:
  static constexpr std::size_t kMaxDepth = 64;

  SetIdWalk(Root root, std::string directory);

  // The next such file; empty at the end, or when interrupted. A directory that could not be looked into is an error;
  // the walk goes on after it.
  Result<std::optional<SetIdFile>> next(const Interrupt& interrupt);

 private:
  struct Level {
    std::string path;  // ends in a slash
    UniqueFd directory;
    std::vector<DirectoryEntry> entries;
    std::size_t position = 0;
  };

  Result<void> enter(std::string path);
  Result<std::optional<SetIdFile>> look_at(const Level& level, const DirectoryEntry& entry);

  Root root_;
  std::optional<std::string> start_;  // until the first step
  dev_t device_ = 0;
  std::vector<Level> levels_;
};

}  // namespace osprey::linux
