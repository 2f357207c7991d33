// What of a process's memory there is to scan: /proc/PID/mem, by its maps and pagemap.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "base/unique_fd.h"
#include "linux/yara/yara_module.h"

namespace osprey::linux {

// A mapping that may be read.
struct ReadableMapping {
  MemoryExtent extent;
  std::string path;   // empty without a file
  bool whole = true;  // false: only what the process has touched, for reading the rest costs or wakes something
};

// The readable mappings of /proc/PID/maps: none of devices, whose memory may act when it is read, nor of the kernel's
// own ([vvar]). Anonymous memory and files of more than kLargestWhole are not to be read whole.
inline constexpr std::uint64_t kLargestWhole = 64 << 20;
std::vector<ReadableMapping> readable_mappings(std::string_view maps);

// The runs of pages with content (present or swapped out) among `entries`, the pagemap from address `start` on
// (Documentation/admin-guide/mm/pagemap.rst). Those that meet the end of `extents` are joined to it.
void append_touched(std::span<const std::uint64_t> entries, std::uint64_t start, std::uint64_t page_size,
                    std::vector<MemoryExtent>& extents);

// A process's memory, open for reading. It stays that of the process which had the number when it was opened.
class ProcessMemory {
 public:
  static constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
  static constexpr std::size_t kMostExtents = 65536;

  // `root` is the host's. absent() where the process has ended, or is the kernel's.
  static Result<ProcessMemory> open(const Root& root, pid_t pid, const Interrupt& interrupt);

  int fd() const noexcept { return memory_.get(); }
  const std::vector<MemoryExtent>& extents() const noexcept { return extents_; }
  std::uint64_t bytes() const noexcept { return bytes_; }
  std::uint64_t left_out() const noexcept { return left_out_; }  // bytes beyond kMostBytes or kMostExtents
  // Whether the process that has the number now is the one that was opened.
  bool still_there() const;

 private:
  ProcessMemory(Root root, pid_t pid) : root_(std::move(root)), pid_(pid) {}
  Result<void> find_extents(std::string_view maps, const Interrupt& interrupt);
  void add(const MemoryExtent& extent);
  bool may_be_read_whole(const std::string& path) const;

  Root root_;
  pid_t pid_;
  std::uint64_t start_ = 0;  // ticks since boot
  UniqueFd memory_;
  UniqueFd pagemap_;
  std::vector<MemoryExtent> extents_;
  std::uint64_t bytes_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace osprey::linux
