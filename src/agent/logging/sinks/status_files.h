// StatusFiles: status lines in files as glog has them: NAME.INFO.20261122-063845.679 and a link NAME.INFO to it, a line
// in the file of its level and in those of all lower ones.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <string>

#include "agent/logging/sinks/appended_file.h"
#include "protocol/status_line.h"

namespace osprey::agent {

class StatusFiles {
 public:
  // Files go to DIRECTORY/NAME.LEVEL…; of each level the newest `keep` stay (osquery never removes one).
  StatusFiles(std::string directory, std::string name) : directory_(std::move(directory)), name_(std::move(name)) {}
  void keep(std::size_t files) { keep_ = files; }

  // True: a new file was made.
  Result<bool> write(const protocol::StatusLine& status);

 private:
  Result<void> open(std::size_t level);
  void clean(std::size_t level) const;

  std::string directory_;
  std::string name_;
  std::size_t keep_ = 25;
  std::array<AppendedFile, 3> files_;  // by level; opened with the first line
  std::array<std::string, 3> paths_;
  std::time_t begun_ = std::time(nullptr);
};

}  // namespace osprey::agent
