// Batch: events on their way into the journal, encoded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "events/journal/journal.h"
#include "events/kinds/kinds.h"

namespace osprey::events {

class Batch {
 public:
  // `families`: where the journal keeps each kind.
  explicit Batch(const std::array<std::size_t, kKinds>& families) : families_(families) {}

  // At this time, in Unix seconds.
  void add(AnyEvent event, std::int64_t time);

  std::size_t rows() const noexcept { return ends_.size(); }
  std::size_t bytes() const noexcept { return bytes_.size(); }
  // Of each kind, by kind.
  const std::array<std::uint64_t, kKinds>& counts() const noexcept { return counts_; }

  // All of them or none; empty afterwards where they went.
  Result<void> append_to(Journal& journal);
  void clear();

 private:
  struct End {
    std::size_t family;
    std::int64_t time;
    std::size_t end;  // in bytes_
  };

  const std::array<std::size_t, kKinds> families_;
  std::string bytes_;
  std::vector<End> ends_;
  std::vector<Journal::Row> rows_;
  std::array<std::uint64_t, kKinds> counts_{};
};

}  // namespace osprey::events
