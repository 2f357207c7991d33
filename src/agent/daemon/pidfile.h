// The pid file: says who runs and keeps a second agent out.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::agent {

// Held by flock(2) as long as it lives, so that a death of any kind releases it; the file is removed at an orderly end.
class Pidfile {
 public:
  // Mode 0600, the pid without a line end. `force`: an agent that holds the file is asked to end (only one whose name
  // starts with "osquery" or "osprey"), then it is tried five times more, two seconds apart. An error names the holder.
  static Result<Pidfile> take(const std::string& path, bool force);

  Pidfile(Pidfile&&) noexcept = default;
  Pidfile& operator=(Pidfile&&) = delete;
  ~Pidfile();

 private:
  Pidfile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  UniqueFd file_;
};

}  // namespace osprey::agent
