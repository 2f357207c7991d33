// LogRotation: the older files of a log. LOG.1 is the newest; LOG.2.zst and those after it are older and compressed.
//
// A death at any point neither loses nor doubles a line: LOG.1 becomes LOG.2 before the log becomes LOG.1, and LOG.2
// goes only once LOG.2.zst is there whole. Where both are found, LOG.2 is the one that is not needed any more.
#pragma once

#include <cstddef>
#include <string>
#include <thread>

#include "agent/logging/status_log.h"
#include "base/interrupt.h"
#include "base/result.h"

namespace osprey::agent {

// Belongs to one thread; compresses on another, so that lines are not held up.
class LogRotation {
 public:
  LogRotation(std::string log, StatusLog& status) : log_(std::move(log)), status_(status) {}
  // Gives up compressing: the next process does it again.
  ~LogRotation();

  // Finishes what an earlier process left unfinished.
  void recover();
  // Makes the log LOG.1 and keeps `keep` older files. False: the last one is still being compressed; nothing is done.
  Result<bool> rotate(std::size_t keep);

 private:
  std::string older(std::size_t number) const { return log_ + "." + std::to_string(number); }
  std::string packed(std::size_t number) const { return older(number) + ".zst"; }
  Result<void> free_second() const;
  void compress_second();
  bool is_compressing();

  std::string log_;
  StatusLog& status_;
  Interrupt stop_;
  std::atomic<bool> compressing_ = false;
  std::thread compressor_;
};

// Removes the oldest of the files that NAME's logs in the directory have left behind (rotated ones, status files that
// are not written to any more) until all of them together have at most `most_bytes`. Returns how many bytes went.
std::uint64_t cap_logs(const std::string& directory, const std::string& name, std::uint64_t most_bytes);

}  // namespace osprey::agent
