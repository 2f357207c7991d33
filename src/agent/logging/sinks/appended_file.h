// AppendedFile: a file that text is appended to, each append whole or not at all. Only bytes written here are ever
// taken back; others may append to the file, truncate, move or remove it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::agent {

class AppendedFile {
 public:
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    bool operator==(const Identity&) const = default;
  };

  // Makes it where it is not there, and sets its mode. What is not a regular file is refused.
  Result<void> open(const std::string& path, mode_t mode);
  void close() { file_.reset(); }
  bool is_open() const noexcept { return static_cast<bool>(file_); }

  // Whether `path` leads to this file.
  bool is_at(const std::string& path) const;
  // Whether the size is what it was after the last append; if not it is taken as it is now.
  Result<bool> is_as_left();

  Result<void> append(std::span<const std::string_view> pieces);
  // Takes back what was appended from `size` on. False: others have written since, all stays.
  Result<bool> cut_back(std::uint64_t size);
  // Whether the bytes from `offset` on are those of `pieces`, as far as both go.
  Result<bool> begins_at(std::uint64_t offset, std::span<const std::string_view> pieces) const;

  // Whether the last byte is a line end, or there is none.
  Result<bool> ends_line() const;

  const Identity& identity() const noexcept { return identity_; }
  std::uint64_t size() const noexcept { return size_; }
  // The file's last line has no end: append() gives it one first. Set where others' bytes hold part of a line of ours.
  void end_line_first() noexcept { torn_ = size_ > 0; }

 private:
  Result<std::uint64_t> size_now() const;
  Result<void> write_all(std::span<const std::string_view> pieces, std::uint64_t& written);

  UniqueFd file_;
  std::string path_;
  Identity identity_;
  std::uint64_t size_ = 0;
  bool torn_ = false;
};

}  // namespace osprey::agent
