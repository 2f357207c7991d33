#include "linux/packages/rpm_header.h"

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kEntrySize = 16;

enum Type : std::uint32_t {
  int8 = 2,
  int16 = 3,
  int32 = 4,
  int64 = 5,
  string = 6,
  binary = 7,
  strings = 8,
  translated = 9
};

// The caller has checked that they are there.
std::uint64_t big_endian(std::string_view bytes, std::size_t offset, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}
std::uint32_t word(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(big_endian(bytes, offset, 4));
}

// The issuer among the subpackets of a version 4 signature (RFC 4880, 5.2.3.1): its key id, or the end of its
// fingerprint.
std::optional<std::string> issuer_subpacket(std::string_view area) {
  constexpr unsigned char kIssuer = 16;
  constexpr unsigned char kFingerprint = 33;
  while (!area.empty()) {
    std::size_t length = static_cast<unsigned char>(area[0]);
    std::size_t head = 1;
    if (length == 255) {
      if (area.size() < 5) return std::nullopt;
      length = word(area, 1);
      head = 5;
    } else if (length >= 192) {
      if (area.size() < 2) return std::nullopt;
      length = ((length - 192) << 8) + static_cast<unsigned char>(area[1]) + 192;
      head = 2;
    }
    if (length == 0 || length > area.size() - head) return std::nullopt;
    const auto body = area.substr(head + 1, length - 1);
    const auto type = static_cast<unsigned char>(area[head]) & 0x7f;
    if (type == kIssuer && body.size() == 8) return hex(body);
    if (type == kFingerprint && body.size() == 21) return hex(body.substr(13));
    area.remove_prefix(head + length);
  }
  return std::nullopt;
}

}  // namespace

Result<RpmHeader> RpmHeader::parse(std::string_view record) {
  const auto bad = [] { return failure("", "an rpm header whose sizes do not fit"); };
  if (record.size() < 8 || record.size() > kCap) return bad();
  const std::size_t entries = word(record, 0);
  const std::size_t size = word(record, 4);
  const auto rest = record.substr(8);
  if (entries > rest.size() / kEntrySize || size > rest.size() - entries * kEntrySize) return bad();
  RpmHeader header;
  header.index_ = rest.substr(0, entries * kEntrySize);
  header.data_ = rest.substr(entries * kEntrySize, size);
  return header;
}

// The last entry of a tag counts: what rpm adds at installation comes after what the package brought.
std::optional<RpmHeader::Entry> RpmHeader::find(RpmTag tag) const {
  for (std::size_t at = index_.size(); at >= kEntrySize;) {
    at -= kEntrySize;
    if (word(index_, at) != static_cast<std::uint32_t>(tag)) continue;
    const auto offset = word(index_, at + 8);
    if (offset > data_.size()) return std::nullopt;
    return Entry{word(index_, at + 4), word(index_, at + 12), data_.substr(offset)};
  }
  return std::nullopt;
}

std::optional<std::string_view> RpmHeader::text(RpmTag tag) const {
  const auto entry = find(tag);
  if (!entry || (entry->type != string && entry->type != strings && entry->type != translated)) return std::nullopt;
  if (entry->count == 0) return std::nullopt;
  const auto end = entry->data.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return entry->data.substr(0, end);
}

std::optional<std::uint64_t> RpmHeader::number(RpmTag tag) const {
  const auto entry = find(tag);
  if (!entry || entry->count == 0 || entry->type < int8 || entry->type > int64) return std::nullopt;
  const std::size_t size = std::size_t{1} << (entry->type - int8);
  if (entry->data.size() < size) return std::nullopt;
  return big_endian(entry->data, 0, size);
}

std::optional<std::string_view> RpmHeader::bytes(RpmTag tag) const {
  const auto entry = find(tag);
  if (!entry || entry->type != binary || entry->count > entry->data.size()) return std::nullopt;
  return entry->data.substr(0, entry->count);
}

std::optional<std::uint64_t> RpmHeader::size() const {
  const auto size = number(RpmTag::size);
  return size ? size : number(RpmTag::long_size);
}

std::optional<std::string> RpmHeader::signature_key() const {
  for (const auto tag : {RpmTag::rsa_signature, RpmTag::dsa_signature, RpmTag::pgp_signature, RpmTag::gpg_signature})
    if (const auto packet = bytes(tag)) return openpgp_issuer(*packet);
  return std::nullopt;
}

std::optional<std::string> openpgp_issuer(std::string_view packet) {
  constexpr unsigned kSignature = 2;
  if (packet.size() < 2) return std::nullopt;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(packet[i]); };
  const unsigned head = at(0);
  std::size_t body = 0;
  if (!(head & 0x80)) return std::nullopt;
  if (head & 0x40) {  // a new-style packet
    if ((head & 0x3f) != kSignature) return std::nullopt;
    body = at(1) < 192 ? 2 : at(1) < 224 ? 3 : at(1) == 255 ? 6 : 0;
  } else {
    if ((head >> 2 & 0xf) != kSignature) return std::nullopt;
    constexpr std::size_t kBody[] = {2, 3, 5, 1};
    body = kBody[head & 3];
  }
  if (body == 0 || packet.size() < body + 1) return std::nullopt;
  packet.remove_prefix(body);
  if (at(0) == 3) {  // version, length of what is hashed (5), type, time, then the key id
    if (packet.size() < 15) return std::nullopt;
    return hex(packet.substr(7, 8));
  }
  if (at(0) != 4 || packet.size() < 6) return std::nullopt;
  const auto hashed_size = static_cast<std::size_t>(big_endian(packet, 4, 2));
  if (packet.size() < 6 + hashed_size + 2) return std::nullopt;
  if (auto issuer = issuer_subpacket(packet.substr(6, hashed_size))) return issuer;
  const auto unhashed = packet.substr(6 + hashed_size);
  return issuer_subpacket(unhashed.substr(2, static_cast<std::size_t>(big_endian(unhashed, 0, 2))));
}

}  // namespace osprey::linux
