// Ring: the reader's end of a BPF ring buffer (BPF_MAP_TYPE_RINGBUF; the layout is in kernel/bpf/ringbuf.c and
// Documentation/bpf/ringbuf.rst).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"

namespace osprey::events::bpf {

// What is shared with the kernel. Positions count bytes since the beginning and are never taken back.
struct RingMemory {
  std::uint64_t* consumed = nullptr;        // ours
  const std::uint64_t* produced = nullptr;  // the kernel's
  const std::byte* bytes = nullptr;
  std::size_t size = 0;  // a power of two
};

// One thread reads.
class Ring {
 public:
  // Maps the ring that `fd` is. The kernel offers its bytes twice in a row; they are mapped once, because mapped pages
  // count as this process's memory, and what goes over the end is copied.
  static Result<Ring> map(int fd, std::size_t size);
  explicit Ring(RingMemory memory) noexcept;
  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&& other) noexcept;
  ~Ring();

  std::size_t size() const noexcept { return memory_.size; }
  // Up to where the kernel has given out room; what is before it may still be being written.
  std::uint64_t produced() const noexcept;
  // The next record that begins before `until`, valid until next() or release(); records that were given up are passed
  // over. Empty: none, or one that is being written.
  std::optional<std::span<const std::byte>> next(std::uint64_t until);
  // Gives the room of all that was read back to the kernel.
  void release() noexcept;

 private:
  std::span<const std::byte> whole(std::uint64_t position, std::size_t size);

  RingMemory memory_;
  std::uint64_t position_ = 0;
  std::vector<std::byte> copy_;
  bool mapped_ = false;
};

}  // namespace osprey::events::bpf
