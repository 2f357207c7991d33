#include "events/bpf/ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <utility>

namespace osprey::events::bpf {
namespace {

std::size_t page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::uint64_t load(const std::uint64_t& value) {
  return std::atomic_ref(const_cast<std::uint64_t&>(value)).load(std::memory_order_acquire);
}

}  // namespace

Result<Ring> Ring::map(int fd, std::size_t size) {
  const auto refused = [] { return system_failure("bpf ring"); };
  void* const ours = ::mmap(nullptr, page(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (ours == MAP_FAILED) return refused();
  void* const theirs = ::mmap(nullptr, page() + size, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page()));
  if (theirs == MAP_FAILED) {
    const auto error = refused();
    ::munmap(ours, page());
    return error;
  }
  Ring ring({.consumed = static_cast<std::uint64_t*>(ours),
             .produced = static_cast<const std::uint64_t*>(theirs),
             .bytes = static_cast<const std::byte*>(theirs) + page(),
             .size = size});
  ring.mapped_ = true;
  return ring;
}

Ring::Ring(RingMemory memory) noexcept : memory_(memory), position_(load(*memory.consumed)) {}

Ring::Ring(Ring&& other) noexcept
    : memory_(other.memory_),
      position_(other.position_),
      copy_(std::move(other.copy_)),
      mapped_(std::exchange(other.mapped_, false)) {}

Ring& Ring::operator=(Ring&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(position_, other.position_);
  std::swap(copy_, other.copy_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

Ring::~Ring() {
  if (!mapped_) return;
  ::munmap(memory_.consumed, page());
  ::munmap(const_cast<std::uint64_t*>(memory_.produced), page() + memory_.size);
}

std::uint64_t Ring::produced() const noexcept { return load(*memory_.produced); }

std::optional<std::span<const std::byte>> Ring::next(std::uint64_t until) {
  while (position_ < until) {
    const std::size_t at = position_ & (memory_.size - 1);
    // Records begin at multiples of 8: their header is never split. Its first word is their length and two flags.
    auto& word = *const_cast<std::uint32_t*>(reinterpret_cast<const std::uint32_t*>(memory_.bytes + at));
    const std::uint32_t header = std::atomic_ref(word).load(std::memory_order_acquire);
    if (header & BPF_RINGBUF_BUSY_BIT) return std::nullopt;
    const std::size_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    const std::size_t taken = (length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
    if (taken > memory_.size) return std::nullopt;  // no kernel does this
    const auto begin = std::exchange(position_, position_ + taken) + BPF_RINGBUF_HDR_SZ;
    if (header & BPF_RINGBUF_DISCARD_BIT) continue;
    return whole(begin, length);
  }
  return std::nullopt;
}

std::span<const std::byte> Ring::whole(std::uint64_t position, std::size_t size) {
  const std::size_t at = position & (memory_.size - 1);
  const std::size_t until_end = memory_.size - at;
  if (size <= until_end) return {memory_.bytes + at, size};
  copy_.resize(size);
  std::memcpy(copy_.data(), memory_.bytes + at, until_end);
  std::memcpy(copy_.data() + until_end, memory_.bytes, size - until_end);
  return copy_;
}

void Ring::release() noexcept { std::atomic_ref(*memory_.consumed).store(position_, std::memory_order_release); }

}  // namespace osprey::events::bpf
