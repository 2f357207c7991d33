#include "agent/program.h"

#include <fmt/format.h>
#include <limits.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "base/version.h"

namespace osprey::agent {
namespace {

// 32 hexadecimal digits with the dashes of a UUID between them.
std::string dashed(std::string_view digits) {
  return fmt::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 4),
                     digits.substr(16, 4), digits.substr(20, 12));
}

}  // namespace

std::string_view Program::version() const { return osquery_compatible ? kOsqueryVersion : osprey::version(); }

std::string Program::title() const {
  return fmt::format("{} {}", osquery_compatible ? "osquery" : "osprey", version());
}

std::string host_name() {
  std::string name(HOST_NAME_MAX + 1, '\0');
  if (::gethostname(name.data(), name.size()) != 0) return {};
  name.resize(name.find('\0'));
  return name;
}

std::string random_uuid() {
  std::array<unsigned char, 16> bytes{};
  // Never short for so few bytes (getrandom(2)); it fails only on kernels without it.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);  // version 4, RFC 4122
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  std::string text;
  for (const auto byte : bytes) text += static_cast<char>(byte);
  return dashed(hex(text));
}

}  // namespace osprey::agent
