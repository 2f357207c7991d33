// Records where the kernel's own way is not open: auditd's log, or the socket that its dispatcher writes to.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/root.h"
#include "base/unique_fd.h"

namespace osprey::events::audit {

// log_file of auditd.conf(5); /var/log/audit/audit.log where it does not say.
std::string audit_log_path(const Root& root);

// Lines as they are written, whole ones only; one beyond 64 KiB is left out and counted.
class LogReader {
 public:
  // Follows a file from its end (or from its beginning), over rotations.
  static Result<std::unique_ptr<LogReader>> follow(std::string path, bool from_the_end = true);
  // Connects to a Unix socket that gives lines.
  static Result<std::unique_ptr<LogReader>> connect(const std::string& path);

  // For poll(2); -1 for a file.
  int descriptor() const noexcept { return is_file_ ? -1 : source_.get(); }
  // The next line; empty: there is none now. Valid until the next call. An error: the other end is gone.
  Result<std::string_view> next();
  std::uint64_t too_long() const noexcept { return too_long_; }

 private:
  LogReader(std::string path, UniqueFd source, bool is_file)
      : path_(std::move(path)), source_(std::move(source)), is_file_(is_file) {}
  Result<bool> fill();
  bool reopen();

  std::string path_;
  UniqueFd source_;
  bool is_file_;
  bool skipping_ = false;
  std::string buffer_;
  std::size_t used_ = 0;
  std::uint64_t too_long_ = 0;
};

}  // namespace osprey::events::audit
