#include "linux/elf/bytes.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace osprey::linux::elf {

std::size_t FileBytes::read(std::uint64_t offset, char* out, std::size_t size) const {
  std::size_t done = 0;
  while (done < size) {
    if (offset + done > INT64_MAX || offset + done < offset) break;
    const auto count = ::pread(fd_.get(), out + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

std::size_t TextBytes::read(std::uint64_t offset, char* out, std::size_t size) const {
  if (offset >= text_.size()) return 0;
  const auto part = text_.substr(static_cast<std::size_t>(offset), size);
  std::memcpy(out, part.data(), part.size());
  return part.size();
}

std::string_view Window::at(std::uint64_t offset, std::size_t size) {
  size = std::min(size, kSize);
  if (!buffer_ || offset < start_ || offset - start_ > length_ || length_ - (offset - start_) < size) {
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kSize);
    start_ = offset;
    length_ = bytes_->read(offset, buffer_.get(), kSize);
  }
  const auto skip = static_cast<std::size_t>(offset - start_);
  return {buffer_.get() + skip, std::min(size, length_ - skip)};
}

}  // namespace osprey::linux::elf
