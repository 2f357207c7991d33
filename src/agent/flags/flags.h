// Flags: the values of all flags, and how text becomes one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/flags/declarations.h"
#include "base/result.h"

namespace osprey::agent {

// "bool", "string", "int32"…: the names that osquery_flags and error messages use.
std::string_view type_name(FlagType type) noexcept;

// What it does, with a word where that is not built yet.
std::string described(const FlagDeclaration& flag);
// A file's mode as flags have it: octal. Empty for what is none.
std::optional<unsigned> parse_mode(std::string_view text) noexcept;
// Whether osquery has it in the shell only.
constexpr bool is_shell_only(const FlagDeclaration& flag) {
  return flag.kind == FlagKind::shell || flag.kind == FlagKind::own;
}

// Only what differs from the defaults is stored.
class Flags {
 public:
  Flags() = default;
  // Under our own name some defaults are others.
  explicit Flags(bool osquery_compatible) : osquery_compatible_(osquery_compatible) {}

  std::string_view text(FlagName name) const { return value(name.declaration()); }
  bool boolean(FlagName name) const { return value(name.declaration()) == "true"; }
  // 0 for what is not a number.
  std::int64_t number(FlagName name) const;

  // The value as text, as osquery_flags shows it.
  std::string_view value(const FlagDeclaration& flag) const;
  std::string_view default_value(const FlagDeclaration& flag) const { return default_of(flag, osquery_compatible_); }
  // Whether a value was given, be it the default's.
  bool is_set(FlagName name) const { return values_.contains(&name.declaration()); }

  // Sets a flag from text; false if the text is no value of its type.
  bool set(const FlagDeclaration& flag, std::string_view text);
  void set(FlagName name, std::string_view text) { set(name.declaration(), text); }

  // The free-form options named custom_… that a configuration may hold.
  void set_custom(std::string_view name, std::string_view text) { custom_.insert_or_assign(std::string(name), text); }
  const std::map<std::string, std::string, std::less<>>& custom() const noexcept { return custom_; }

  bool operator==(const Flags&) const = default;

 private:
  bool osquery_compatible_ = true;
  std::map<const FlagDeclaration*, std::string> values_;
  std::map<std::string, std::string, std::less<>> custom_;
};

}  // namespace osprey::agent
