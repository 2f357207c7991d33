// An rpm header: the record of one package, as rpm keeps it in its database and in package files (rpm's
// docs/manual/format_header.md). Two counts, an index of 16-byte entries, then the data; all big-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::linux {

enum class RpmTag : std::uint32_t {
  dsa_signature = 267,
  rsa_signature = 268,
  sha1 = 269,
  pgp_signature = 259,
  gpg_signature = 262,
  name = 1000,
  version = 1001,
  release = 1002,
  epoch = 1003,
  install_time = 1008,
  size = 1009,
  vendor = 1011,
  group = 1016,
  arch = 1022,
  source_rpm = 1044,
  long_size = 5009,
  modularity_label = 5096,
};

// A view into the record's bytes, which may be hostile: every offset and count is checked when it is followed.
class RpmHeader {
 public:
  // rpm's own limit is 256 MiB; the largest records of real packages are about 10.
  static constexpr std::size_t kCap = 64 << 20;

  // An error where the counts do not fit the bytes.
  static Result<RpmHeader> parse(std::string_view record);

  // The first string of a tag: of a translated one the untranslated text.
  std::optional<std::string_view> text(RpmTag tag) const;
  // The first number of a tag.
  std::optional<std::uint64_t> number(RpmTag tag) const;
  std::optional<std::string_view> bytes(RpmTag tag) const;

  // Size of the installed files in bytes.
  std::optional<std::uint64_t> size() const;
  // The 16 hexadecimal digits that name the key which signed the record; empty where nobody did.
  std::optional<std::string> signature_key() const;

 private:
  struct Entry {
    std::uint32_t type;
    std::uint32_t count;
    std::string_view data;  // from the value's beginning to the end of all data
  };
  std::optional<Entry> find(RpmTag tag) const;

  std::string_view index_;
  std::string_view data_;
};

// The id of the key that made an OpenPGP signature packet (RFC 4880, version 3 and 4), in lower-case hexadecimal.
std::optional<std::string> openpgp_issuer(std::string_view packet);

}  // namespace osprey::linux
