// What OpenSSH's files have in common: base64 and the wire encoding of keys (RFC 4251 section 5, RFC 4253 section 6.6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace osprey::linux {

// The bytes that `text` stands for, blanks and line ends within it left out; empty if it is no base64.
std::optional<std::string> decode_base64(std::string_view text);

// "SHA256:…" as ssh-keygen -l prints it, of a public key in wire encoding.
std::string ssh_fingerprint(std::string_view blob);

// Takes fields off the front of bytes in wire encoding. Empty at the end or where a length goes beyond it.
class SshReader {
 public:
  explicit SshReader(std::string_view bytes) noexcept : rest_(bytes) {}
  std::optional<std::uint32_t> number() noexcept;
  std::optional<std::string_view> string() noexcept;
  // The bits of a multiple precision integer.
  std::optional<int> integer_bits() noexcept;

 private:
  std::string_view rest_;
};

}  // namespace osprey::linux
