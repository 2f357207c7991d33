// TarWriter: a tar archive of regular files, entry by entry (POSIX pax interchange format, laid out as osquery's carves
// are). Written out here: two headers a file are all that a carve needs of libarchive, which nothing else in the agent
// has use for.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::agent {

class TarWriter {
 public:
  using Sink = std::function<Result<void>(std::string_view)>;
  explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

  // Begins an entry of exactly `size` bytes, with the owner, mode and times of `facts`.
  Result<void> begin(std::string_view name, const struct stat& facts, std::uint64_t size);
  // The next bytes of it; never more than are left.
  Result<void> add(std::string_view bytes);
  std::uint64_t left() const noexcept { return left_; }
  // Ends the entry; what is missing of it is zeros.
  Result<void> end();
  // Ends the archive.
  Result<void> finish();

 private:
  Result<void> zeros(std::uint64_t count);

  Sink sink_;
  std::uint64_t left_ = 0;
  std::uint64_t padding_ = 0;
};

}  // namespace osprey::agent
