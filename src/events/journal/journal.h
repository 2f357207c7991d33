// Journal: what happened, in a family for each kind of event, until there is too much of it or it is too old.
//
// A row stands where it was appended: after all rows of its family that came before. The time of its place never goes
// back along a family but where the wall clock is set back: there an epoch begins. So a stretch of time is a range of
// keys in each of the epochs (those of rows that have gone are forgotten), and a place in a family is a key, whatever
// the clock does.
//
// A row that comes late (what a file's digest was waited for) has the place of when it came, and how late it is behind
// its key. Where there are such, the range goes on for as long as a row may be late: they have epochs of their own, the
// odd ones, so that all others are read exactly. What is later than that is as if the clock had been set back: who
// reads walks through small epochs and goes to the next from large ones.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/fifo_store.h"

namespace osprey::events {

// Where a row stands in its family. As text: 20 bytes that sort as the places do.
struct Place {
  std::uint32_t epoch = 0;
  std::int64_t time = 0;  // Unix seconds, no less than the row's
  std::uint64_t eid = 0;  // counts the family's rows, from 1 on, without gaps and over restarts

  auto operator<=>(const Place&) const = default;
  std::string key() const;
  static std::optional<Place> parse(std::string_view key) noexcept;
};

// Unix seconds, both included.
struct TimeRange {
  std::int64_t low = INT64_MIN;
  std::int64_t high = INT64_MAX;
};

// Rows of one family, in the order of their places. Views are valid until next().
class JournalCursor {
 public:
  bool valid() const { return walk_ != nullptr && walk_->valid(); }
  const Place& place() const noexcept { return place_; }
  // The row's own, in Unix seconds.
  std::int64_t time() const noexcept { return time_; }
  std::string_view record() const { return walk_->value(); }
  void next();
  // What ended the walk early, if anything did.
  Result<void> status() const { return status_; }

 private:
  friend class Journal;
  JournalCursor(const store::FifoStore& store, std::size_t family, TimeRange times, Place after, Place last);
  void enter(std::uint32_t epoch);
  void settle();

  const store::FifoStore& store_;
  std::size_t family_;
  TimeRange times_;
  Place after_;
  Place last_;
  std::unique_ptr<store::Cursor> walk_;
  Place place_;
  std::int64_t time_ = 0;
  Result<void> status_;
};

// What has become of a family's rows. appended = kept + dropped.
struct JournalCounts {
  std::uint64_t appended = 0;  // ever
  std::uint64_t kept = 0;
  std::uint64_t dropped = 0;  // for their age or the cap
  std::uint64_t file_bytes = 0;
};

// Thread-safe: one thread appends, any may read.
class Journal {
 public:
  // `families`: names, in the order of the store's. The store outlives it.
  Journal(store::FifoStore& store, std::vector<std::string> families);

  std::optional<std::size_t> family(std::string_view name) const noexcept;

  struct Row {
    std::size_t family;
    std::int64_t time;  // Unix seconds
    std::string_view record;
  };
  // All of them or none, each after those before. A time up to two seconds before its predecessor's is told as that.
  Result<void> append(std::span<const Row> rows);

  // The rows after `after` that are there now and of this time.
  JournalCursor read(std::size_t family, TimeRange times = {}, const Place& after = {}) const;
  // As above, but not beyond `last`: for another walk over the same.
  JournalCursor read(std::size_t family, TimeRange times, const Place& after, const Place& last) const;
  // Of the last row ever; eid 0 before the first.
  Place last(std::size_t family) const;

  // Lets rows before this time go, where a whole file of them can.
  Result<void> drop_before(std::size_t family, std::int64_t time);
  JournalCounts counts(std::size_t family) const;

 private:
  store::FifoStore& store_;
  const std::vector<std::string> families_;
  mutable std::mutex mutex_;
  std::vector<Place> last_;                // by family
  std::vector<std::int64_t> latest_late_;  // likewise, of the thread that appends: the place's time of a late row
};

}  // namespace osprey::events
