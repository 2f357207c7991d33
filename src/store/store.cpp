#include "store/store.h"

#include <algorithm>
#include <array>

namespace osprey::store {
namespace {

constexpr std::array<std::string_view, kFamilies> kNames = {
    "configurations", "queries", "logs", "query_performance", "events", "carves", "distributed"};

}  // namespace

std::string_view name_of(Family family) noexcept { return kNames[static_cast<std::size_t>(family)]; }

std::optional<Family> family_named(std::string_view name) noexcept {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Family>(found - kNames.begin());
}

void Batch::put(Family family, std::string_view key, std::string_view value) {
  operations_.push_back({Operation::Kind::put, family, std::string(key), std::string(value)});
  bytes_ += key.size() + value.size();
}

void Batch::erase(Family family, std::string_view key) {
  operations_.push_back({Operation::Kind::erase, family, std::string(key), {}});
  bytes_ += key.size();
}

void Batch::erase_range(Family family, std::string_view first, std::string_view last) {
  operations_.push_back({Operation::Kind::erase_range, family, std::string(first), std::string(last)});
  bytes_ += first.size() + last.size();
}

void Batch::clear() noexcept {
  operations_.clear();
  bytes_ = 0;
}

Result<void> Store::resize_beside(std::uint64_t, std::uint64_t) { return {}; }  // no cap

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::string ordered(std::uint64_t number) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) bytes[static_cast<std::size_t>(i)] = static_cast<char>(number & 0xFF);
  return bytes;
}

std::optional<std::uint64_t> parse_ordered(std::string_view bytes) noexcept {
  if (bytes.size() != 8) return std::nullopt;
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace osprey::store
