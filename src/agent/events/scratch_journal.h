// Where the event journal of an agent that is to leave nothing behind lies (--ephemeral, --disable_database): a folder
// that goes with it.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::agent {

class ScratchJournal {
 public:
  // Makes one below `parent`, for this process's user only; what an agent that was killed left there is removed.
  static Result<ScratchJournal> make(const std::string& parent);
  ~ScratchJournal();
  ScratchJournal(ScratchJournal&& from) noexcept;
  ScratchJournal& operator=(ScratchJournal&&) = delete;

  // Of the journal: in a folder of ours, because a store locks its own.
  std::string path() const { return path_ + "/journal"; }

 private:
  ScratchJournal(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;  // on the folder, as long as somebody has it: pids would not do among several pid namespaces
};

}  // namespace osprey::agent
