#include "server/results/value_filter.h"

#include <algorithm>

namespace osprey::server::results {

namespace {

constexpr std::size_t kBitsOfToken = 16;
constexpr std::size_t kMostBlocks = 16'384;  // 1 MiB; with more tokens it says yes more often
constexpr unsigned kProbes = 7;

// Nine bits of the token's lower half and of what follows it name each of the seven bits in its block.
template <class F>
void for_each_bit(std::uint64_t token, F&& visit) {
  std::uint64_t bits = token * 0x9e3779b97f4a7c15;
  for (unsigned probe = 0; probe < kProbes; ++probe, bits >>= 9) visit(bits % (kBlock * 8));
}

}  // namespace

std::int64_t block_number(std::uint64_t token) noexcept { return static_cast<std::int64_t>(token >> 33); }

std::string make_filter(Tokens& tokens) {
  std::ranges::sort(tokens);
  tokens.erase(std::ranges::unique(tokens).begin(), tokens.end());
  const std::size_t blocks =
      std::clamp<std::size_t>((tokens.size() * kBitsOfToken + kBlock * 8 - 1) / (kBlock * 8), 1, kMostBlocks);
  std::string filter(blocks * kBlock, '\0');
  for (const std::uint64_t token : tokens) {
    char* const block = filter.data() + static_cast<std::size_t>(block_number(token)) % blocks * kBlock;
    for_each_bit(token, [&](std::uint64_t bit) { block[bit / 8] |= static_cast<char>(1 << bit % 8); });
  }
  return filter;
}

bool may_have(std::string_view block, std::uint64_t token) noexcept {
  if (block.size() != kBlock) return true;
  bool all = true;
  for_each_bit(token, [&](std::uint64_t bit) { all = all && (block[bit / 8] >> bit % 8 & 1); });
  return all;
}

}  // namespace osprey::server::results
