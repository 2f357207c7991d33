#include "agent/flags/flags.h"

#include <optional>

#include "base/text.h"

namespace osprey::agent {
namespace {

std::optional<bool> parse_boolean(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "true", "y", "yes"})
    if (equal_ignoring_case(text, yes)) return true;
  for (const std::string_view no : {"0", "f", "false", "n", "no"})
    if (equal_ignoring_case(text, no)) return false;
  return std::nullopt;
}

// Decimal, or hexadecimal after 0x.
template <class T>
std::optional<std::string> normalised(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  const auto number = hexadecimal ? parse<T>(text.substr(2), 16) : parse<T>(text);
  if (!number) return std::nullopt;
  return std::to_string(*number);
}

// What the flag's value is called for this text; empty if it is no value of the type.
std::optional<std::string> normalised(FlagType type, std::string_view text) {
  switch (type) {
    case FlagType::boolean: {
      const auto value = parse_boolean(text);
      if (!value) return std::nullopt;
      return *value ? "true" : "false";
    }
    case FlagType::int32:
      return normalised<std::int32_t>(text);
    case FlagType::uint32:
      return normalised<std::uint32_t>(text);
    case FlagType::uint64:
      return normalised<std::uint64_t>(text);
    case FlagType::text:
      break;
  }
  return std::string(text);
}

}  // namespace

std::string_view type_name(FlagType type) noexcept {
  switch (type) {
    case FlagType::boolean:
      return "bool";
    case FlagType::text:
      return "string";
    case FlagType::int32:
      return "int32";
    case FlagType::uint32:
      return "uint32";
    case FlagType::uint64:
      return "uint64";
  }
  return "string";
}

std::string described(const FlagDeclaration& flag) {
  std::string text(flag.meaning);
  return flag.state == FlagState::built ? text : text + " (not built yet)";
}

std::optional<unsigned> parse_mode(std::string_view text) noexcept {
  const auto mode = parse<unsigned>(text, 8);
  return mode && *mode <= 07777 ? mode : std::nullopt;
}

std::int64_t Flags::number(FlagName name) const { return parse<std::int64_t>(value(name.declaration())).value_or(0); }

std::string_view Flags::value(const FlagDeclaration& flag) const {
  const auto found = values_.find(&flag);
  return found == values_.end() ? default_value(flag) : std::string_view(found->second);
}

bool Flags::set(const FlagDeclaration& flag, std::string_view text) {
  auto value = normalised(flag.type, text);
  if (!value) return false;
  values_.insert_or_assign(&flag, std::move(*value));
  return true;
}

}  // namespace osprey::agent
