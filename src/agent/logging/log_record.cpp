#include "agent/logging/log_record.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace osprey::agent {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kWorthCompressing = 2 << 10;
constexpr int kCompressionLevel = 1;
// SQLite makes no longer value (SQLITE_MAX_LENGTH); a size beyond it is damage and not to be allocated.
constexpr std::size_t kMostText = 1 << 30;

// Of the flags' byte; the two lowest bits are the kind.
constexpr unsigned kKind = 3;
constexpr unsigned kContinues = 4;
constexpr unsigned kGoesOn = 8;
constexpr unsigned kCompressed = 16;
constexpr unsigned kAllFlags = 31;

template <class T>
void append(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

template <class T>
T take(std::string_view& bytes) {
  T number;
  bytes.copy(reinterpret_cast<char*>(&number), sizeof number);
  bytes.remove_prefix(sizeof number);
  return number;
}

struct Parsed {
  RecordHeader header;
  std::uint8_t flags = 0;
  std::string_view query;
  std::string_view text;  // maybe compressed
};

constexpr std::size_t kFixedSize = 3 * sizeof(std::uint64_t) + 2 * sizeof(std::uint32_t) + 1 + sizeof(std::uint16_t);

std::optional<Parsed> parse_record(std::string_view bytes) {
  if (bytes.size() < kFixedSize) return std::nullopt;
  Parsed parsed;
  parsed.header.before.lines = take<std::uint64_t>(bytes);
  parsed.header.before.bytes = take<std::uint64_t>(bytes);
  parsed.header.unix_time = take<std::int64_t>(bytes);
  parsed.header.lines = take<std::uint32_t>(bytes);
  parsed.header.text_size = take<std::uint32_t>(bytes);
  parsed.flags = take<std::uint8_t>(bytes);
  const auto query_size = take<std::uint16_t>(bytes);
  if (parsed.flags > kAllFlags || (parsed.flags & kKind) > static_cast<unsigned>(LineKind::status) ||
      query_size > bytes.size() || parsed.header.text_size > kMostText)
    return std::nullopt;
  parsed.header.continues = parsed.flags & kContinues;
  parsed.query = bytes.substr(0, query_size);
  parsed.text = bytes.substr(query_size);
  if (!(parsed.flags & kCompressed) && parsed.text.size() != parsed.header.text_size) return std::nullopt;
  return parsed;
}

// Empty if compressing gains nothing.
std::string compress(std::string_view text) {
  if (text.size() < kWorthCompressing) return {};
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const auto size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), kCompressionLevel);
  if (ZSTD_isError(size) || size >= text.size()) return {};
  out.resize(size);
  return out;
}

std::optional<std::string> decompress(std::string_view bytes, std::size_t size) {
  // Asked first, so that a damaged size does not cost its memory.
  if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) != size) return std::nullopt;
  std::string text(size, '\0');
  if (ZSTD_decompress(text.data(), size, bytes.data(), bytes.size()) != size) return std::nullopt;
  return text;
}

}  // namespace

std::string encode_record(const LineRecord& record, std::int64_t unix_time) {
  const auto packed = compress(record.text);
  const std::string_view text = packed.empty() ? record.text : packed;
  const auto query = std::string_view(record.query).substr(0, std::numeric_limits<std::uint16_t>::max());
  std::string out;
  out.reserve(kFixedSize + query.size() + text.size());
  append<std::uint64_t>(out, 0);
  append<std::uint64_t>(out, 0);
  append(out, unix_time);
  append(out, record.lines);
  append(out, static_cast<std::uint32_t>(record.text.size()));
  append(out, static_cast<std::uint8_t>(static_cast<unsigned>(record.kind) | (record.continues ? kContinues : 0) |
                                        (record.goes_on ? kGoesOn : 0) | (packed.empty() ? 0 : kCompressed)));
  append(out, static_cast<std::uint16_t>(query.size()));
  out.append(query).append(text);
  return out;
}

void set_before(std::string& stored, const LogAmount& before) {
  std::memcpy(stored.data(), &before.lines, sizeof before.lines);
  std::memcpy(stored.data() + sizeof before.lines, &before.bytes, sizeof before.bytes);
}

std::optional<RecordHeader> decode_header(std::string_view stored) {
  const auto parsed = parse_record(stored);
  if (!parsed) return std::nullopt;
  return parsed->header;
}

std::optional<LineRecord> decode_record(std::string_view stored) {
  const auto parsed = parse_record(stored);
  if (!parsed) return std::nullopt;
  LineRecord record{.kind = static_cast<LineKind>(parsed->flags & kKind),
                    .query = std::string(parsed->query),
                    .text = {},
                    .lines = parsed->header.lines,
                    .continues = parsed->header.continues,
                    .goes_on = (parsed->flags & kGoesOn) != 0};
  if (!(parsed->flags & kCompressed)) {
    record.text = parsed->text;
    return record;
  }
  auto text = decompress(parsed->text, parsed->header.text_size);
  if (!text) return std::nullopt;
  record.text = *std::move(text);
  return record;
}

void append_number(std::string& out, std::uint64_t number) { append(out, number); }

std::optional<std::uint64_t> take_number(std::string_view& bytes) noexcept {
  if (bytes.size() < sizeof(std::uint64_t)) return std::nullopt;
  return take<std::uint64_t>(bytes);
}

}  // namespace osprey::agent
