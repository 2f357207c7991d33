#include "linux/files/authorized_keys.h"

#include <array>

#include "base/text.h"
#include "linux/files/ssh_blob.h"

namespace osprey::linux {
namespace {

bool is_key_type(std::string_view word) {
  static constexpr std::string_view kCertificate = "-cert-v01@openssh.com";
  static constexpr std::array<std::string_view, 10> kTypes = {
      "ssh-rsa",
      "ssh-dss",
      "ssh-ed25519",
      "ssh-xmss@openssh.com",
      "ecdsa-sha2-nistp256",
      "ecdsa-sha2-nistp384",
      "ecdsa-sha2-nistp521",
      "sk-ssh-ed25519@openssh.com",
      "sk-ecdsa-sha2-nistp256@openssh.com",
      "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
  };
  if (std::ranges::find(kTypes, word) != kTypes.end()) return true;
  if (!word.ends_with(kCertificate)) return false;
  word.remove_suffix(kCertificate.size());
  // The certificate's name has the key's name without its own domain.
  return std::ranges::any_of(kTypes, [&](auto type) { return type.substr(0, type.find('@')) == word; });
}

// Takes the options off the front of a line: all up to the first blank outside double quotes.
std::string_view take_options(std::string_view& line) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < line.size(); ++end) {
    const char c = line[end];
    if (c == '\\' && end + 1 < line.size() && line[end + 1] == '"') {
      ++end;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t')) {
      break;
    }
  }
  const auto options = line.substr(0, end);
  line.remove_prefix(end);
  return options;
}

std::optional<AuthorizedKey> parse_line(std::string_view line) {
  AuthorizedKey entry;
  auto rest = line;
  auto type = take_field(rest);
  if (!is_key_type(type)) {
    rest = line;
    entry.options = take_options(rest);
    type = take_field(rest);
    if (!is_key_type(type)) return std::nullopt;
  }
  entry.algorithm = type;
  entry.key = take_field(rest);
  if (entry.key.empty()) return std::nullopt;
  if (const auto comment = trim(rest); !comment.empty()) entry.comment = comment;
  return entry;
}

}  // namespace

std::optional<std::string> AuthorizedKey::fingerprint_sha256() const {
  const auto blob = decode_base64(key);
  if (!blob) return std::nullopt;
  return ssh_fingerprint(*blob);
}

Parsed<AuthorizedKey> parse_authorized_keys(std::string_view text) {
  Parsed<AuthorizedKey> keys;
  std::size_t number = 0;
  for (auto line : Lines(text)) {
    ++number;
    line = trim(line);
    if (line.empty() || line.front() == '#') continue;
    if (auto entry = parse_line(line)) {
      entry->line = number;
      keys.entries.push_back(std::move(*entry));
    } else {
      ++keys.skipped;
    }
  }
  return keys;
}

}  // namespace osprey::linux
