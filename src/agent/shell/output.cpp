#include "agent/shell/output.h"

#include <unistd.h>

#include <cerrno>

namespace osprey::agent::shell {

Output::Output(int fd) : fd_(fd), terminal_(::isatty(fd) == 1) { buffer_.reserve(kChunk + (kChunk >> 2)); }

void Output::flush() {
  if (buffer_.empty()) return;
  if (before_write_) before_write_();
  std::string_view rest = buffer_;
  while (!rest.empty() && failed_ == 0) {
    const auto written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0)
      rest.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      failed_ = errno;
  }
  buffer_.clear();
}

}  // namespace osprey::agent::shell
