// UserNames: names of users by their ids, as the root's own /etc/passwd has them (NSS is not asked: it may talk to the
// network).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "base/root.h"

namespace osprey::events {

// Reads the file again when it has changed, which is asked once a second of the moments given. Not for several threads.
class UserNames {
 public:
  explicit UserNames(Root root) : root_(std::move(root)) {}

  // The first account with that id; empty where there is none. Valid until the next call. `moment`: nanoseconds.
  std::string_view name(std::uint32_t uid, std::uint64_t moment);

 private:
  using Version = std::tuple<std::uint64_t, std::int64_t, std::uint32_t, std::uint64_t>;  // inode, mtime, size
  void refresh();

  Root root_;
  std::unordered_map<std::uint32_t, std::string> names_;
  Version version_{};
  std::uint64_t next_ = 0;
};

}  // namespace osprey::events
