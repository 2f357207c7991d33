// The records of one event, gathered: they come one by one, those of several events mixed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "events/audit/record.h"

namespace osprey::events::audit {

class RecordGroup {
 public:
  struct Part {
    std::uint16_t type = 0;
    std::uint32_t offset = 0, size = 0;
  };

  Stamp stamp;
  bool complete = false;   // its end was seen, or it needs none
  bool truncated = false;  // records beyond the bound were left out

  const std::vector<Part>& parts() const noexcept { return parts_; }
  std::string_view fields(const Part& part) const noexcept {
    return std::string_view(bytes_).substr(part.offset, part.size);
  }
  // Of its first record of the type; empty without one.
  std::string_view first(std::uint16_t type) const noexcept;
  bool has(std::uint16_t type) const noexcept;
  std::size_t size() const noexcept { return bytes_.size(); }

 private:
  friend class Reassembly;
  std::string bytes_;
  std::vector<Part> parts_;
};

// Memory is bounded: so many events at once, so many bytes in all and of one.
class Reassembly {
 public:
  struct Limits {
    std::size_t events = 4096;
    std::size_t bytes = 64 << 20;
    std::size_t bytes_of_event = 4 << 20;
    std::int64_t expiry = 2000;  // milliseconds
  };
  struct Counts {
    std::uint64_t cut = 0;          // records beyond an event's bound
    std::uint64_t unfinished = 0;   // events of a call whose end did not come
    std::uint64_t crowded_out = 0;  // of them, those given up for want of room
  };
  using Take = std::function<void(const RecordGroup&)>;

  // Each event is given to `take` when its last record has come (PROCTITLE, or EOE of kernels without), at once where
  // it has only one, and unfinished when it is older than the expiry by the newest record's time. A record is copied.
  explicit Reassembly(Take take) : Reassembly(std::move(take), Limits()) {}
  Reassembly(Take take, Limits limits) : take_(std::move(take)), limits_(limits) {}

  void add(const Record& record);
  // Gives those up that are older at `now`, Unix milliseconds.
  void expire(std::int64_t now);
  // Gives all of them up.
  void flush();
  std::size_t pending() const noexcept { return groups_.size(); }
  const Counts& counts() const noexcept { return counts_; }

 private:
  RecordGroup& group_of(const Stamp& stamp);
  std::unique_ptr<RecordGroup> fresh();
  void append(RecordGroup& group, const Record& record);
  void finish(std::uint64_t serial);
  void give_up_oldest();
  void give(std::unique_ptr<RecordGroup> group);

  Take take_;
  Limits limits_;
  Counts counts_;
  std::unordered_map<std::uint64_t, std::unique_ptr<RecordGroup>> groups_;  // by serial
  std::deque<Stamp> order_;                                                 // of arrival; those that are gone too
  std::vector<std::unique_ptr<RecordGroup>> spare_;
  std::size_t bytes_ = 0;
  RecordGroup* last_ = nullptr;  // the one of the last record
};

}  // namespace osprey::events::audit
