// Where the event journal of an agent that is to leave nothing behind lies (--ephemeral, --disable_database): a folder
// that goes with it.
#pragma once

#include <string>

#include "base/result.h"

namespace osprey::agent {

class ScratchJournal {
 public:
  // Makes one below `parent`, for this process's user only; what an agent that was killed left there is removed.
  static Result<ScratchJournal> make(const std::string& parent);
  ~ScratchJournal();
  ScratchJournal(ScratchJournal&& from) noexcept;
  ScratchJournal& operator=(ScratchJournal&&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  explicit ScratchJournal(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace osprey::agent
