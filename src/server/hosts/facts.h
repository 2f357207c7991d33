// Facts: what the server holds of each host in memory, taken from the tables that hosts send. One list from which the
// database's columns, conditions and searches follow.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/hosts/host.h"

namespace osprey::server::hosts {

// Longer texts are cut: names and versions need no more, and hosts write them.
inline constexpr std::size_t kMostFact = 256;

// A row of a table as hosts send it: names to text.
using Row = std::map<std::string, std::string>;

enum class Order : unsigned char { text, version, address };

struct TextFact {
  std::string_view name;  // in conditions, and of the column in the database
  std::string Host::* member;
  std::string_view table;  // where it comes from; empty: not from a table
  std::string_view column;
  std::string_view help;
  Order order = Order::text;  // how two of them compare
};
struct NumberFact {
  std::string_view name;
  std::int64_t Host::* member;
  std::string_view table;
  std::string_view column;
  std::string_view help;
};
std::span<const TextFact> text_facts();
std::span<const NumberFact> number_facts();

// Below, at or above zero. Versions by number, addresses by family and value, where both can be read so.
int compare(Order order, std::string_view a, std::string_view b) noexcept;

// Takes over what `row` of `table` says about the host; a column that is not there changes nothing.
void take_over(Host& host, std::string_view table, const Row& row);

// Seconds within which a host with these flags (osquery_flags: name to value) speaks; none: they promise nothing.
std::optional<std::int64_t> promise_of(const Row& flags);
inline constexpr std::int64_t kUnknownPromise = 300;  // before its flags are known
inline constexpr std::int64_t kNoPromise = 3600;      // a host that only logs when there is something to say

// Rows as hosts send them, an array of objects; numbers, booleans and null count as their text. An error says what is
// wrong. Bounded by kMostRows; `text` is bounded by the body that brought it.
inline constexpr std::size_t kMostRows = 1000;
inline constexpr std::size_t kMostColumns = 100;
Result<std::vector<Row>> parse_rows(std::string_view text);

}  // namespace osprey::server::hosts
