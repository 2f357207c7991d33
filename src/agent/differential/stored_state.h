// What the store holds of a query's last result, as bytes. All of it in the family `queries`:
//
//   "hash key"                                     the key of row_hash.h, followed by its own hash
//   "head." NAME                                   QueryHead; of a small result the rows too
//   "staged." NAME                                 there is more below the query's prefixes than the head knows of
//   "index." PREFIX GENERATION NUMBER              of a large result: hashes and counts of a part of its rows, by the
//                                                  hashes' leading bits
//   "row." PREFIX GENERATION HASH                  of a large result: an encoded row
//
// PREFIX is eight bytes of the name's hash, GENERATION and NUMBER are store::ordered(). Heads and parts of the index
// end in a keyed hash of key and value; a row is known by its own. What does not fit it is damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/differential/row_hash.h"
#include "agent/differential/row_index.h"

namespace osprey::agent::stored {

inline constexpr std::string_view kHashKey = "hash key";
inline constexpr std::string_view kHead = "head.";
inline constexpr std::string_view kStaged = "staged.";
inline constexpr std::string_view kIndex = "index.";
inline constexpr std::string_view kRow = "row.";

std::string seal(RowHasher& hasher, std::string_view key, std::string body);
std::optional<std::string_view> unseal(RowHasher& hasher, std::string_view key, std::string_view value);

struct QueryHead {
  enum class Form : char {
    rows = 'r',     // a small result, in the head itself
    index = 'i',    // a large one
    counter = 'c',  // no rows are compared: event tables
  };
  Form form = Form::rows;
  std::uint64_t epoch = 0;
  std::uint64_t counter = 0;
  RowHash sql;
  std::string rows;  // Form::rows: as result_rows.h has them
  // Form::index.
  std::uint64_t rows_generation = 0;
  std::uint64_t index_generation = 0;
  std::uint64_t distinct_rows = 0;
  unsigned index_bits = 0;  // the leading bits of a hash that are the number of its part of the index
};
std::string encode(const QueryHead& head);
std::optional<QueryHead> decode_head(std::string_view body);

// The part of the index that a hash belongs to.
constexpr std::uint64_t part_of(const RowHash& hash, unsigned bits) noexcept {
  return bits == 0 ? 0 : hash.high >> (64 - bits);
}
inline constexpr unsigned kMostIndexBits = 32;

struct IndexEntry {
  RowHash hash;
  std::uint32_t count = 0;
};
std::string encode_part(std::span<const IndexEntry> entries);
// Appends the entries to `index`. False: they are no part of an index with this number, or not after those before.
bool decode_part(std::string_view body, std::uint64_t number, unsigned bits, RowIndex& index);

}  // namespace osprey::agent::stored
