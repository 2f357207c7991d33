// LogFile: osquery's results or snapshots file. Whoever moves, removes or truncates it (logrotate) is followed; a death
// in the middle of a write leaves neither part of a line nor a line twice.
//
// How: bytes are written only while the store knows, in the sink's mark, which file they go to and how long it was.
// What is there beyond that after a death, and is what the queue offers again, was ours and is cut back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/limits/losses.h"
#include "agent/logging/log_buffer.h"
#include "agent/logging/sinks/appended_file.h"

namespace osprey::agent {

class LogFile {
 public:
  LogFile(std::string path, Losses& losses) : path_(std::move(path)), losses_(losses) {}

  const std::string& path() const noexcept { return path_; }
  Result<void> make(mode_t mode);
  // Opens the file, or opens it anew where the path leads elsewhere by now, but never inside a line. False: the mark
  // is not what it was, and has to be stored before anything is written.
  Result<bool> ready(mode_t mode);
  // Appends the first of the records, or as many as go together, whole or not at all. Returns how many that were.
  Result<std::size_t> write(std::span<const LogDelivery> records);
  void close() { file_.close(); }

  std::uint64_t size() const noexcept { return file_.is_open() ? file_.size() : 0; }
  bool in_line() const noexcept { return mark_.line_start.has_value(); }

  std::string mark() const;
  // Takes what mark() gave off the front of `text`.
  void resume(std::string_view& text);

 private:
  struct Mark {
    AppendedFile::Identity file;
    std::uint64_t size = 0;
    std::optional<std::uint64_t> line_start;  // of the last line, where its end is still to come
    bool operator==(const Mark&) const = default;
  };

  Result<void> adopt();
  Result<void> settle_tail(std::span<const std::string_view> pieces);
  Result<void> append(std::span<const std::string_view> pieces);
  Result<void> drop_open_line();
  Result<void> write_part(const LineRecord& record);

  std::string path_;
  Losses& losses_;
  AppendedFile file_;
  Mark mark_;
  int waits_ = 0;           // how often in a row ready() said no
  bool unsettled_ = false;  // what the file has beyond the mark is not looked at yet
};

}  // namespace osprey::agent
