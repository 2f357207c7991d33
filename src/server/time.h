// Time as the server keeps it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace osprey::server {

// Unix milliseconds: as they are in the database; RFC 3339 in the API ("2026-11-22T14:03:05.120Z").
struct Timestamp {
  std::int64_t ms = 0;
  auto operator<=>(const Timestamp&) const = default;
};

// A time that the database keeps as 0 where there is none.
constexpr std::optional<Timestamp> known(std::int64_t ms) {
  return ms == 0 ? std::nullopt : std::optional(Timestamp{ms});
}

std::string to_rfc3339(Timestamp time);
// With any offset; empty on anything else.
std::optional<Timestamp> from_rfc3339(std::string_view text);

// What time it is; tests have their own.
using Clock = std::function<Timestamp()>;
Clock system_clock();

}  // namespace osprey::server
