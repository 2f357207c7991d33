#include "agent/differential/stored_state.h"

#include <algorithm>
#include <cstring>

#include "store/store.h"

namespace osprey::agent::stored {
namespace {

constexpr char kVersion = '1';
constexpr std::size_t kNumber = 8;
constexpr char kSingle = '1';   // every row of this part is there once
constexpr char kCounted = 'n';  // counts follow the hashes
constexpr std::size_t kCount = sizeof(std::uint32_t);

void append(std::string& out, const RowHash& hash) {
  const auto bytes = hash.bytes();
  out.append(bytes.data(), bytes.size());
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::string_view take(std::size_t length) {
    if (length > rest_.size()) {
      failed_ = true;
      return {};
    }
    const auto bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return bytes;
  }
  std::uint64_t number() { return store::parse_ordered(take(kNumber)).value_or(0); }
  RowHash hash() {
    const auto bytes = take(RowHash::kBytes);
    return failed_ ? RowHash{} : RowHash::from(bytes);
  }
  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace

std::string seal(RowHasher& hasher, std::string_view key, std::string body) {
  append(body, hasher({key, body}));
  return body;
}

std::optional<std::string_view> unseal(RowHasher& hasher, std::string_view key, std::string_view value) {
  if (value.size() < RowHash::kBytes) return std::nullopt;
  const auto body = value.substr(0, value.size() - RowHash::kBytes);
  if (hasher({key, body}) != RowHash::from(value.substr(body.size()))) return std::nullopt;
  return body;
}

std::string encode(const QueryHead& head) {
  std::string out{kVersion, static_cast<char>(head.form)};
  out += store::ordered(head.epoch);
  out += store::ordered(head.counter);
  append(out, head.sql);
  if (head.form == QueryHead::Form::rows) out += head.rows;
  if (head.form == QueryHead::Form::index) {
    for (const auto number : {head.rows_generation, head.index_generation, head.distinct_rows})
      out += store::ordered(number);
    out += static_cast<char>(head.index_bits);
  }
  return out;
}

std::optional<QueryHead> decode_head(std::string_view body) {
  Reader reader(body);
  const auto begin = reader.take(2);
  if (reader.failed() || begin[0] != kVersion) return std::nullopt;
  QueryHead head;
  head.form = static_cast<QueryHead::Form>(begin[1]);
  head.epoch = reader.number();
  head.counter = reader.number();
  head.sql = reader.hash();
  switch (head.form) {
    case QueryHead::Form::rows:
      head.rows = reader.take(reader.rest().size());
      break;
    case QueryHead::Form::index:
      head.rows_generation = reader.number();
      head.index_generation = reader.number();
      head.distinct_rows = reader.number();
      if (const auto bits = reader.take(1); !bits.empty()) head.index_bits = static_cast<unsigned char>(bits.front());
      if (head.index_bits > kMostIndexBits) return std::nullopt;
      break;
    case QueryHead::Form::counter:
      break;
    default:
      return std::nullopt;
  }
  if (reader.failed() || !reader.rest().empty()) return std::nullopt;
  return head;
}

std::string encode_part(std::span<const IndexEntry> entries) {
  const bool single = std::ranges::all_of(entries, [](const IndexEntry& entry) { return entry.count == 1; });
  std::string out;
  out.reserve(1 + entries.size() * (RowHash::kBytes + kCount) + RowHash::kBytes);
  out += single ? kSingle : kCounted;
  for (const auto& entry : entries) append(out, entry.hash);
  if (single) return out;
  for (const auto& entry : entries) out.append(reinterpret_cast<const char*>(&entry.count), kCount);
  return out;
}

bool decode_part(std::string_view body, std::uint64_t number, unsigned bits, RowIndex& index) {
  if (body.empty() || (body.front() != kSingle && body.front() != kCounted)) return false;
  const bool counted = body.front() == kCounted;
  body.remove_prefix(1);
  const auto size = RowHash::kBytes + (counted ? kCount : 0);
  if (body.size() % size != 0) return false;
  const auto rows = body.size() / size;
  const auto counts = body.substr(rows * RowHash::kBytes);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto hash = RowHash::from(body.substr(i * RowHash::kBytes, RowHash::kBytes));
    std::uint32_t count = 1;
    if (counted) std::memcpy(&count, counts.data() + i * kCount, kCount);
    if (count == 0 || part_of(hash, bits) != number) return false;
    if (index.size() > 0 && !(index.hash(index.size() - 1) < hash)) return false;
    index.append(hash, count);
  }
  return true;
}

}  // namespace osprey::agent::stored
