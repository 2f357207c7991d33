#include "linux/procfs/read_ahead.h"

#include <algorithm>

namespace osprey::linux {
namespace {

// Fewer are read sooner than a thread has started.
constexpr std::size_t kWorthAThread = 128;

}  // namespace

ReadAhead::ReadAhead(const Proc& proc, std::vector<pid_t> pids, Files files)
    : proc_(proc), pids_(std::move(pids)), files_(files) {
  for (int number = 0; number < kWindow; ++number) slot(number).state = number * 4;
  if ((files.stat || files.status) && pids_.size() >= kWorthAThread && std::thread::hardware_concurrency() > 1)
    thread_ = std::thread([this] { run(); });
}

ReadAhead::~ReadAhead() {
  if (!thread_.joinable()) return;
  ended_ = true;
  position_ = count();
  position_.notify_one();
  thread_.join();
}

std::optional<Process> ReadAhead::next() {
  const int number = position_;
  if (number >= count()) return std::nullopt;
  Slot& mine = slot(number);
  std::optional<Process> process;
  int expected = number * 4 + kFree;
  if (mine.state.compare_exchange_strong(expected, number * 4 + kTaken)) {
    process.emplace(proc_, pids_[static_cast<std::size_t>(number)]);
  } else {
    // The second thread is at it. To wait would be to sleep: the processes after it can be read meanwhile.
    while (mine.state == number * 4 + kClaimed && read_one(number + 1)) {
    }
    mine.state.wait(number * 4 + kClaimed);
    process = std::move(mine.process);
    mine.process.reset();
  }
  mine.state = (number + kWindow) * 4 + kFree;
  position_ = number + 1;
  // The other thread is woken for half a window, not for each process of it.
  if (position_ % (kWindow / 2) == 0) position_.notify_one();
  return process;
}

void ReadAhead::run() {
  while (!ended_) {
    // Never behind the asker, who reads what is his turn himself.
    const int position = position_;
    if (position + 1 >= count()) return;
    if (!read_one(position + 1)) position_.wait(position);
  }
}

bool ReadAhead::read_one(int from) {
  const int end = std::min(count(), position_ + kWindow);
  for (int number = from; number < end; ++number) {
    Slot& mine = slot(number);
    int expected = number * 4 + kFree;
    if (mine.state != expected || !mine.state.compare_exchange_strong(expected, number * 4 + kClaimed)) continue;
    mine.process.emplace(proc_, pids_[static_cast<std::size_t>(number)]);
    if (files_.stat) mine.process->stat();
    if (files_.status) mine.process->status();
    mine.state = number * 4 + kDone;
    mine.state.notify_one();
    return true;
  }
  return false;
}

}  // namespace osprey::linux
