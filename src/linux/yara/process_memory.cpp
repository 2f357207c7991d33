#include "linux/yara/process_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "linux/procfs/memory_map.h"
#include "linux/procfs/process.h"

namespace osprey::linux {
namespace {

constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
constexpr std::size_t kEntriesAtOnce = 1 << 16;
// Of one mapping, whose pagemap has 8 bytes a page: more address space is reserved, not used.
constexpr std::uint64_t kLargestReservation = std::uint64_t{64} << 30;

// /dev/zero and the shared memory in /dev are memory as any other.
bool is_device(std::string_view path) {
  return path.starts_with("/dev/") && !path.starts_with("/dev/shm/") && !path.starts_with("/dev/zero");
}

}  // namespace

std::vector<ReadableMapping> readable_mappings(std::string_view maps) {
  std::vector<ReadableMapping> found;
  for (const auto line : Lines(maps)) {
    const auto mapping = parse_memory_mapping(line);
    if (!mapping || !mapping->permissions.starts_with('r')) continue;
    if (mapping->path.starts_with("[v") || is_device(mapping->path)) continue;
    const auto start = parse<std::uint64_t>(mapping->start, 16);
    const auto end = parse<std::uint64_t>(mapping->end, 16);
    if (!start || !end || *end <= *start || *end > INT64_MAX) continue;
    ReadableMapping one{.extent = {*start, *end - *start}, .path = {}};
    if (mapping->inode != 0) one.path = mapping->path;
    one.whole = !one.path.empty() && one.extent.size <= kLargestWhole;
    found.push_back(std::move(one));
  }
  return found;
}

void append_touched(std::span<const std::uint64_t> entries, std::uint64_t start, std::uint64_t page_size,
                    std::vector<MemoryExtent>& extents) {
  for (const auto entry : entries) {
    if ((entry & (kPresent | kSwapped)) != 0) {
      if (!extents.empty() && extents.back().start + extents.back().size == start)
        extents.back().size += page_size;
      else
        extents.push_back({start, page_size});
    }
    start += page_size;
  }
}

Result<ProcessMemory> ProcessMemory::open(const Root& root, pid_t pid, const Interrupt& interrupt) {
  const auto proc = TRY(Proc::open(root));
  const Process process(proc, pid);
  const auto& stat = process.stat();
  if (!stat) return std::unexpected(stat.error());
  ProcessMemory memory(root, pid);
  memory.start_ = stat->start_ticks;
  const auto maps = TRY(process.memory_maps());
  memory.memory_ = TRY(root.open(fmt::format("/proc/{}/mem", pid)));
  memory.pagemap_ = TRY(root.open(fmt::format("/proc/{}/pagemap", pid)));
  if (!memory.still_there()) return system_failure(ESRCH, fmt::format("/proc/{}", pid));
  TRY(memory.find_extents(maps, interrupt));
  return memory;
}

bool ProcessMemory::still_there() const {
  const auto proc = Proc::open(root_);
  if (!proc) return false;
  const auto stat = Process(*proc, pid_).stat();
  return stat && stat->start_ticks == start_;
}

void ProcessMemory::add(const MemoryExtent& extent) {
  const auto room = extents_.size() < kMostExtents ? kMostBytes - bytes_ : 0;
  const auto taken = std::min(extent.size, room);
  left_out_ += extent.size - taken;
  if (taken == 0) return;
  bytes_ += taken;
  extents_.push_back({extent.start, taken});
}

// A page that nobody has read yet comes from the file: not where its filesystem may hang, which the Root refuses, nor
// where the file is another container's and cannot be told.
bool ProcessMemory::may_be_read_whole(const std::string& path) const { return root_.open_path(path).has_value(); }

Result<void> ProcessMemory::find_extents(std::string_view maps, const Interrupt& interrupt) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::vector<std::uint64_t> entries(kEntriesAtOnce);
  for (const auto& mapping : readable_mappings(maps)) {
    if (mapping.whole && may_be_read_whole(mapping.path)) {
      add(mapping.extent);
      continue;
    }
    std::vector<MemoryExtent> touched;
    const auto end = mapping.extent.start + std::min(mapping.extent.size, kLargestReservation);
    left_out_ += mapping.extent.size > kLargestReservation ? mapping.extent.size - kLargestReservation : 0;
    for (auto at = mapping.extent.start; at < end && touched.size() < kMostExtents;) {
      if (interrupt.requested()) return system_failure(ECANCELED, fmt::format("/proc/{}/pagemap", pid_));
      const auto wanted = std::min<std::uint64_t>(kEntriesAtOnce, (end - at) / page);
      const auto got = ::pread(pagemap_.get(), entries.data(), wanted * sizeof entries[0],
                               static_cast<off_t>(at / page * sizeof entries[0]));
      if (got <= 0) break;
      const auto count = static_cast<std::size_t>(got) / sizeof entries[0];
      append_touched(std::span(entries).first(count), at, page, touched);
      at += count * page;
    }
    for (const auto& extent : touched) add(extent);
  }
  return {};
}

}  // namespace osprey::linux
