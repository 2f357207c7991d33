// Output: bytes on their way to a file descriptor, gathered into large writes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace osprey::agent::shell {

// Printers append to buffer() and call settle() after each row.
class Output {
 public:
  static constexpr std::size_t kChunk = 64 << 10;

  // Writes to `fd`, which stays the caller's.
  explicit Output(int fd);
  ~Output() { flush(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  std::string& buffer() noexcept { return buffer_; }
  void add(std::string_view text) { buffer_ += text; }
  // Writes what has gathered if it is worth a write; on a terminal at once.
  void settle() {
    if (buffer_.size() >= kChunk || terminal_) flush();
  }
  void flush();

  bool is_terminal() const noexcept { return terminal_; }
  int fd() const noexcept { return fd_; }
  // The reader has gone (EPIPE) or the disk is full: what follows is dropped. errno of the first failed write.
  int failed() const noexcept { return failed_; }
  // Called before bytes are written, so that a progress line can be taken off the screen.
  void before_write(std::function<void()> callback) { before_write_ = std::move(callback); }

 private:
  int fd_;
  bool terminal_;
  int failed_ = 0;
  std::string buffer_;
  std::function<void()> before_write_;
};

}  // namespace osprey::agent::shell
