// How a type of the API tells its members: once, for reading JSON, for writing it and for the OpenAPI page.
//
//   struct Tag {
//     std::int64_t id = 0;
//     std::string name;
//     std::optional<std::string> rule;
//     static constexpr std::string_view kTypeName = "Tag";   // its name on the OpenAPI page; without one it has none
//     static constexpr auto fields() {
//       return std::tuple(field("id", &Tag::id, "Number of the tag."),
//                         field("name", &Tag::name, "Shown name.", {.least = 1, .most = 100}),
//                         field("rule", &Tag::rule, "Condition that gives the tag; none: by hand."));
//     }
//   };
//
// Members may be bool, whole numbers, double, std::string, Timestamp, enums with EnumNames, boost::json::value
// (anything) and object, other such types, and optional, vector and map<std::string, …> of all these. An optional may
// be left out or null; everything else is required when read, unless `optional_with` says its default counts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

namespace osprey::server::api {

// What a value may be: of a number itself, of text the characters (as JSON Schema counts), of a list the items.
struct Bounds {
  std::int64_t least = INT64_MIN;
  std::int64_t most = INT64_MAX;
  bool has_default = false;  // may be left out: the member keeps what its type initialises it to
};

template <class Owner, class Member>
struct Field {
  std::string_view name;
  Member Owner::* member;
  std::string_view help;
  Bounds bounds;
};

template <class Owner, class Member>
constexpr Field<Owner, Member> field(std::string_view name, Member Owner::* member, std::string_view help,
                                     Bounds bounds = {}) {
  return {name, member, help, bounds};
}

template <class T>
concept Described = requires { T::fields(); };

// template <> struct EnumNames<Role> { static constexpr std::array kNames{std::pair{Role::view, "view"}, …}; };
// with std::string_view as the second.
template <class T>
struct EnumNames;

template <class T>
concept NamedEnum = requires { EnumNames<T>::kNames; };

template <NamedEnum T>
constexpr std::string_view name_of(T value) {
  for (const auto& [each, name] : EnumNames<T>::kNames)
    if (each == value) return name;
  return "";
}

template <NamedEnum T>
constexpr std::optional<T> named(std::string_view name) {
  for (const auto& [each, its_name] : EnumNames<T>::kNames)
    if (its_name == name) return each;
  return std::nullopt;
}

}  // namespace osprey::server::api
