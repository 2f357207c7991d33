// Many processes, their stat and status read by a second thread while the first looks at the rest of them.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "linux/procfs/process.h"

namespace osprey::linux {

// Nearly all of the time that a walk of /proc takes is the kernel writing these files, a process at a time, and two
// processors write twice as many. The order stays that of `pids`; a process that the second thread has not come to is
// read by its asker as ever. At most kWindow processes are held open ahead.
class ReadAhead {
 public:
  struct Files {
    bool stat = false;
    bool status = false;
  };
  // `proc` must outlive it.
  ReadAhead(const Proc& proc, std::vector<pid_t> pids, Files files);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The next process, whether it still exists or not; empty at the end.
  std::optional<Process> next();

 private:
  static constexpr int kWindow = 64;
  // A slot serves the processes number n, n + kWindow… in turn. Its state is number * 4 + phase, so that a thread
  // which comes late for one turn cannot take the next for it.
  enum Phase : int { kFree, kClaimed, kDone, kTaken };
  struct Slot {
    std::atomic<int> state{0};
    std::optional<Process> process;
  };

  void run();
  // Reads the first process from number `from` on that nobody has claimed, within the window; false if there is none.
  // Both threads do.
  bool read_one(int from);
  Slot& slot(int number) { return slots_[static_cast<std::size_t>(number % kWindow)]; }
  int count() const { return static_cast<int>(pids_.size()); }

  const Proc& proc_;
  const std::vector<pid_t> pids_;
  const Files files_;
  std::array<Slot, kWindow> slots_;
  std::atomic<int> position_{0};  // the number that next() gives next
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace osprey::linux
