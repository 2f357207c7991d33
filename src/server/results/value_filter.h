// ValueFilter: which column values a few thousand stored rows have, in two bytes a value (a Bloom filter in blocks):
// "no" is certain, "yes" is wrong about once in a thousand. A search asks the filters and reads only the rows behind
// those that say yes; docs/decisions/0002-result-search.md tells why.
//
// In the database it is a string of blocks of kBlock bytes. All that a token sets is in one block, so that the database
// need only hand out that block:  substr(filter, (block_number % (length(filter) / 64)) * 64 + 1, 64).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/results/line.h"

namespace osprey::server::results {

inline constexpr std::size_t kBlock = 64;

// Never empty. `tokens` are sorted and made unique.
std::string make_filter(Tokens& tokens);

std::int64_t block_number(std::uint64_t token) noexcept;
// `block` is the block that block_number() names.
bool may_have(std::string_view block, std::uint64_t token) noexcept;

}  // namespace osprey::server::results
