#include "linux/files/line_reader.h"

#include <unistd.h>

#include <cerrno>

namespace osprey::linux {

Result<LineReader> LineReader::open(const Root& root, std::string_view path) {
  return LineReader(TRY(root.open(path)), path);
}

Result<bool> LineReader::fill(const Interrupt& interrupt) {
  if (interrupt.requested()) return system_failure(ECANCELED, path_);
  if (beyond_cap()) return false;
  buffer_.erase(0, std::exchange(position_, 0));
  const auto used = buffer_.size();
  buffer_.resize(used + kLineCap);
  ssize_t count = 0;
  do {
    count = ::read(file_.get(), buffer_.data() + used, kLineCap);
  } while (count < 0 && errno == EINTR);
  const int code = errno;
  buffer_.resize(used + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0) return system_failure(code, path_);
  total_ += static_cast<std::size_t>(count);
  return count > 0;
}

// The first `length` bytes of what is pending, `consumed` of which are done with.
std::string_view LineReader::take(std::size_t length, std::size_t consumed) {
  if (length > kLineCap) ++cut_;
  auto line = pending().substr(0, std::min(length, kLineCap));
  if (line.ends_with('\r')) line.remove_suffix(1);
  position_ += consumed;
  return line;
}

Result<std::optional<std::string_view>> LineReader::next(const Interrupt& interrupt) {
  for (std::size_t searched = 0;;) {
    const auto end = pending().find('\n', searched);
    if (end != std::string_view::npos) return take(end, end + 1);
    // One byte beyond the cap is kept: it tells that the line is longer.
    if (pending().size() > kLineCap) buffer_.resize(position_ + kLineCap + 1);
    searched = pending().size();
    if (TRY(fill(interrupt))) continue;
    if (searched == 0) return std::nullopt;
    return take(searched, searched);
  }
}

}  // namespace osprey::linux
