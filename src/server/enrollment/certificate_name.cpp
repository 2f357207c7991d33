#include "server/enrollment/certificate_name.h"

#include "base/text.h"

namespace osprey::server::enrollment {
namespace {

// The value at the front of `rest`, up to a bare comma or plus sign, which goes too.
std::string take_value(std::string_view& rest) {
  std::string value;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == ',' || c == '+') break;
    if (c != '\\' || rest.empty()) {
      value += c;
      continue;
    }
    if (const auto byte = parse<unsigned char>(rest.substr(0, 2), 16); byte && rest.size() >= 2) {
      value += static_cast<char>(*byte);
      rest.remove_prefix(2);
    } else {
      value += rest.front();
      rest.remove_prefix(1);
    }
  }
  return value;
}

}  // namespace

std::optional<std::string> common_name(std::string_view subject) {
  while (!subject.empty()) {
    const auto equals = subject.find('=');
    if (equals == subject.npos) return std::nullopt;
    const auto type = trim(subject.substr(0, equals));
    subject.remove_prefix(equals + 1);
    auto value = take_value(subject);
    if (equal_ignoring_case(type, "CN")) return value;
  }
  return std::nullopt;
}

}  // namespace osprey::server::enrollment
