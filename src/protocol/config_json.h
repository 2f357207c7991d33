// JSON as configurations are written (compat section 3.1): with lines of comment, and in the lenient form all comments
// and trailing commas. The tree keeps members in their order and knows their lines, so that notes can name them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "protocol/configuration.h"

namespace osprey::protocol {

struct ConfigNode {
  enum class Kind : std::uint8_t { scalar, array, object };
  using Scalar = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string>;

  Kind kind = Kind::scalar;
  std::uint32_t line = 0;
  std::string name;  // of an object's member
  Scalar scalar;     // monostate: null
  std::vector<ConfigNode> children;

  bool is_object() const noexcept { return kind == Kind::object; }
  bool is_array() const noexcept { return kind == Kind::array; }
  const std::string* text() const noexcept {
    return kind == Kind::scalar ? std::get_if<std::string>(&scalar) : nullptr;
  }
  // The first member of this name; null if there is none.
  const ConfigNode* member(std::string_view wanted) const noexcept;
};

// An object, whose members' names are not yet held against each other. Errors name `source`, line and column.
Result<ConfigNode> parse_config_json(const std::string& source, std::string_view text, ConfigForm form);
// Compact JSON.
std::string config_json_text(const ConfigNode& node);

}  // namespace osprey::protocol
