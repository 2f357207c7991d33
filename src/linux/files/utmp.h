// The login records of utmp(5): who is logged in (/run/utmp) and who was (/var/log/wtmp).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "base/unique_fd.h"

namespace osprey::linux {

struct UtmpRecord {
  std::int16_t type = 0;  // EMPTY, USER_PROCESS… of utmp.h
  pid_t pid = 0;
  std::string line;  // the terminal, without "/dev/"
  std::string user;
  std::string host;
  std::int64_t time = 0;  // seconds since 1970
};

// Bytes of one record, in this machine's own layout.
extern const std::size_t kUtmpRecordSize;
// Precondition: `bytes` has kUtmpRecordSize bytes.
UtmpRecord parse_utmp_record(std::string_view bytes);

// Reads a file of records a block at a time: wtmp may be large, memory stays small.
class UtmpFile {
 public:
  // At most Root::kDatabaseCap bytes of it are read.
  static Result<UtmpFile> open(const Root& root, std::string_view path);

  // The next record; empty at the end.
  Result<std::optional<UtmpRecord>> next(const Interrupt& interrupt);
  // Known at the end: bytes that make no whole record, as after a crash; or the file went on beyond the cap.
  std::size_t left_over() const noexcept { return buffer_.size() - position_; }
  bool beyond_cap() const noexcept { return total_ >= Root::kDatabaseCap; }

 private:
  UtmpFile(UniqueFd file, std::string_view path) : file_(std::move(file)), path_(path) {}

  UniqueFd file_;
  std::string path_;
  std::string buffer_;
  std::size_t position_ = 0;
  std::size_t total_ = 0;
};

}  // namespace osprey::linux
