// Reads an audit socket on a thread of its own that does nothing else, so that the kernel's buffer is empty again soon.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"
#include "base/unique_fd.h"
#include "events/audit/record.h"

namespace osprey::events::audit {

// Records that were read, as bytes: a header and the text, one after the other.
class RecordBatch {
 public:
  void add(std::uint16_t type, std::string_view text);
  bool empty() const noexcept { return bytes_.empty(); }
  std::size_t size() const noexcept { return bytes_.size(); }
  // Cuts the first off; false at the end.
  bool take(std::uint16_t& type, std::string_view& text) noexcept;
  void clear() noexcept {
    bytes_.clear();
    used_ = 0;
  }

 private:
  std::string bytes_;
  std::size_t used_ = 0;
};

class RecordQueue {
 public:
  struct Counts {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::uint64_t full = 0;       // records for which there was no room here
    std::uint64_t congested = 0;  // times that the kernel said ENOBUFS: at least a record was lost each
  };

  // Reads `socket` until stop(); at most `room` bytes wait. `socket` outlives it.
  static Result<std::unique_ptr<RecordQueue>> start(int socket, std::size_t room);
  ~RecordQueue();

  // Readable when there is something to take, and about every second while nothing comes.
  int descriptor() const noexcept { return ready_.get(); }
  // What has been read since it was called last; empty: nothing.
  RecordBatch take();
  // Gives a batch back for its memory.
  void recycle(RecordBatch batch);
  // An error ended the thread: errno; 0: it runs.
  int failed() const noexcept { return failed_.load(std::memory_order_relaxed); }
  // Any thread.
  Counts counts() const noexcept;

 private:
  RecordQueue(int socket, std::size_t room, UniqueFd ready, UniqueFd stop)
      : socket_(socket), room_(room), ready_(std::move(ready)), stop_(std::move(stop)) {}
  void read();
  void signal() noexcept;

  const int socket_;
  const std::size_t room_;
  const UniqueFd ready_, stop_;
  mutable std::mutex mutex_;
  RecordBatch filled_;
  RecordBatch spare_;
  std::atomic<int> failed_{0};
  std::atomic<std::uint64_t> records_{0}, bytes_{0}, full_{0}, congested_{0};
  std::thread thread_;
};

}  // namespace osprey::events::audit
