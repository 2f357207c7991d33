// Reads the lines of a file that may be large, in bounded memory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "base/unique_fd.h"

namespace osprey::linux {

class LineReader {
 public:
  static constexpr std::size_t kLineCap = 64 << 10;  // R2; the rest of a longer line is left out

  // At most Root::kDatabaseCap bytes of the file are read.
  static Result<LineReader> open(const Root& root, std::string_view path);

  // The next line without its line end, valid until the next call; empty at the end of the file.
  Result<std::optional<std::string_view>> next(const Interrupt& interrupt);
  // Lines that were longer than the cap, so far.
  std::size_t cut() const noexcept { return cut_; }
  bool beyond_cap() const noexcept { return total_ >= Root::kDatabaseCap; }

 private:
  LineReader(UniqueFd file, std::string_view path) : file_(std::move(file)), path_(path) {}
  // False at the end of the file.
  Result<bool> fill(const Interrupt& interrupt);
  std::string_view take(std::size_t length, std::size_t consumed);
  std::string_view pending() const noexcept { return std::string_view(buffer_).substr(position_); }

  UniqueFd file_;
  std::string path_;
  std::string buffer_;
  std::size_t position_ = 0;
  std::size_t total_ = 0;
  std::size_t cut_ = 0;
};

}  // namespace osprey::linux
