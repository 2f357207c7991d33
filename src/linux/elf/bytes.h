// Bytes at an offset, of a file or of memory: what the ELF reader reads from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/unique_fd.h"

namespace osprey::linux::elf {

class Bytes {
 public:
  virtual ~Bytes() = default;
  // Fills `out` from `offset` on; how many bytes there were. Fewer than asked: the end, or unreadable.
  virtual std::size_t read(std::uint64_t offset, char* out, std::size_t size) const = 0;
};

// A file, never mapped: one that is cut while it is read gives short answers and no signal.
class FileBytes : public Bytes {
 public:
  explicit FileBytes(UniqueFd fd) : fd_(std::move(fd)) {}
  std::size_t read(std::uint64_t offset, char* out, std::size_t size) const override;

 private:
  UniqueFd fd_;
};

class TextBytes : public Bytes {
 public:
  explicit TextBytes(std::string_view text) : text_(text) {}
  std::size_t read(std::uint64_t offset, char* out, std::size_t size) const override;

 private:
  std::string_view text_;
};

// A part of the bytes kept at hand, so that neighbouring reads cost one.
class Window {
 public:
  static constexpr std::size_t kSize = 32 << 10;
  explicit Window(const Bytes& bytes) : bytes_(&bytes) {}

  // The bytes from `offset` on, at most `size` (up to kSize) of them: fewer at the end. Valid until the next call.
  std::string_view at(std::uint64_t offset, std::size_t size);

 private:
  const Bytes* bytes_;
  std::unique_ptr<char[]> buffer_;
  std::uint64_t start_ = 0;
  std::size_t length_ = 0;
};

}  // namespace osprey::linux::elf
