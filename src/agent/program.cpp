#include "agent/program.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
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

std::string to_upper(std::string text) {
  for (auto& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

}  // namespace

std::string_view Program::version() const { return osquery_compatible ? kOsqueryVersion : osprey::version(); }

std::string Program::title() const {
  return fmt::format("{} {}", osquery_compatible ? "osquery" : "osprey", version());
}

const std::string& Program::instance_id() const {
  if (instance_id_.empty()) instance_id_ = random_uuid();
  return instance_id_;
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

std::string host_uuid(const Root& root) {
  // Only root may read the firmware's; zeros and ones stand for a board without.
  if (const auto firmware = root.read_trimmed("/sys/class/dmi/id/product_uuid"); firmware && firmware->size() == 36) {
    const bool set =
        std::ranges::any_of(*firmware, [](char c) { return c != '0' && c != '-' && c != 'f' && c != 'F'; });
    if (set) return to_upper(*firmware);
  }
  const auto machine = root.read_trimmed("/etc/machine-id");
  if (!machine || machine->size() != 32) return {};
  return to_upper(dashed(*machine));
}

}  // namespace osprey::agent
