#include "store/identity.h"

#include <fmt/format.h>
#include <zlib.h>

#include "base/hex.h"
#include "base/text.h"

namespace osprey::store {
namespace {

std::uint32_t checksum(std::string_view key, std::string_view value) {
  const auto add = [](uLong sum, std::string_view bytes) {
    return ::crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  };
  // The NUL keeps apart where the one ends and the other begins.  NOLINTNEXTLINE(bugprone-string-constructor)
  return static_cast<std::uint32_t>(add(add(add(0, key), std::string_view("", 1)), value));
}

}  // namespace

std::string format_identity(const Identity& identity) {
  std::string text;
  for (const auto& [key, value] : identity)
    fmt::format_to(std::back_inserter(text), "{},{},{:08x}\n", hex(key), hex(value), checksum(key, value));
  return text;
}

Identity parse_identity(std::string_view text) {
  Identity identity;
  for (const auto line : Lines(text)) {
    const auto parts = split(line, ',');
    if (parts.size() != 3) continue;
    const auto key = from_hex(parts[0]);
    const auto value = from_hex(parts[1]);
    const auto sum = parse<std::uint32_t>(parts[2], 16);
    if (!key || !value || !sum || !key->starts_with(kIdentityPrefix) || *sum != checksum(*key, *value)) continue;
    identity.insert_or_assign(*key, *value);
  }
  return identity;
}

}  // namespace osprey::store
