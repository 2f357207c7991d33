// Facts: what an event says, in the words that filters ask in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "events/kinds/kinds.h"

namespace osprey::events {

// Views into the event.
struct Facts {
  const Actor* actor = nullptr;
  const FileState* file = nullptr;     // that it is about
  std::optional<std::int64_t> result;  // of the call
  std::string_view call;               // of the kernel's table; empty: not known, or no call
  std::string_view arch;               // as ProcessEvent has it
  std::optional<std::int64_t> family;  // of a socket: AF_
  std::uint32_t permissions = 0;       // AUDIT_PERM_* that the call needed; 0: not known
  std::uint32_t record = 0;            // type of audit's record; 0: not known

  // Files that it is about, whole paths.
  std::span<const std::string_view> paths() const noexcept { return std::span(paths_).first(count_); }
  void add_path(std::string_view path) noexcept {
    if (path.starts_with('/') && count_ < paths_.size()) paths_[count_++] = path;
  }

 private:
  std::array<std::string_view, 3> paths_;
  std::size_t count_ = 0;
};

Facts facts_of(AnyEvent event) noexcept;

// The value of a field of numbers (AUDIT_UID…); empty: the event does not have it.
std::optional<std::uint32_t> number_of(const Facts& facts, std::uint32_t field) noexcept;
// The two sides of a comparison (AUDIT_COMPARE_*).
struct Sides {
  std::uint32_t left, right;
};
std::optional<Sides> sides_of(const Facts& facts, std::uint32_t comparison) noexcept;

// Whether no event has it: it is the kernel's to know.
bool is_for_the_kernel(std::uint32_t field) noexcept;

}  // namespace osprey::events
