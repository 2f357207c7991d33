// JSON of described types (fields.h): read, written and described.
#pragma once

#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text.h"
#include "server/api/fields.h"
#include "server/api/problem.h"
#include "server/time.h"

namespace osprey::server::api {

namespace json = boost::json;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T, std::less<>>> = true;
template <class T>
inline constexpr bool kIsWhole = std::integral<T> && !std::same_as<T, bool>;

// Text and lists that say no bound of their own.
inline constexpr std::int64_t kMostText = 65536;
inline constexpr std::int64_t kMostItems = 10000;

constexpr Bounds bounds_or(Bounds bounds, std::int64_t most) {
  if (bounds.least == INT64_MIN) bounds.least = 0;
  if (bounds.most == INT64_MAX) bounds.most = most;
  return bounds;
}

// Reads a value and tells every fault there is, with its place.
class Reader {
 public:
  explicit Reader(std::vector<Fault>& faults) : faults_(faults) {}

  template <class T>
  void read(const json::value& value, T& into, Bounds bounds = {}) {
    if constexpr (kIsOptional<T>) {
      if (value.is_null())
        into.reset();
      else
        read(value, into.emplace(), bounds);
    } else if constexpr (Described<T>) {
      if (const auto* object = value.if_object())
        read_members(*object, into);
      else
        fault("an object is wanted");
    } else if constexpr (kIsVector<T>) {
      read_list(value, into, bounds_or(bounds, kMostItems));
    } else if constexpr (kIsMap<T>) {
      read_map(value, into, bounds_or(bounds, kMostItems));
    } else if constexpr (NamedEnum<T>) {
      read_enum(value, into);
    } else {
      read_scalar(value, into, bounds);
    }
  }

  // The members of `object`, which may have no others.
  template <Described T>
  void read_members(const json::object& object, T& into) {
    std::apply([&](const auto&... fields) { (read_member(object, fields, into), ...); }, T::fields());
    for (const auto& member : object) {
      bool known = false;
      std::vector<std::string_view> names;
      std::apply(
          [&](const auto&... fields) {
            ((names.push_back(fields.name), known |= fields.name == std::string_view(member.key())), ...);
          },
          T::fields());
      if (!known) unknown_member(member.key(), names);
    }
  }

 private:
  template <class T, class Field>
  void read_member(const json::object& object, const Field& field, T& into) {
    auto& member = into.*field.member;
    const auto depth = path_.size();
    path_ += '/';
    path_ += field.name;
    if (const auto* value = object.if_contains(field.name))
      read(*value, member, field.bounds);
    else if (!kIsOptional<std::remove_reference_t<decltype(member)>> && !field.bounds.has_default)
      fault("is missing");
    path_.resize(depth);
  }

  template <class T>
  void read_list(const json::value& value, std::vector<T>& into, Bounds bounds) {
    const auto* list = value.if_array();
    if (!list) return fault("a list is wanted");
    if (!within(static_cast<std::int64_t>(list->size()), bounds, "items")) return;
    const auto depth = path_.size();
    for (std::size_t i = 0; i < list->size(); ++i) {
      path_ += '/' + std::to_string(i);
      T item{};
      read((*list)[i], item);
      into.push_back(std::move(item));
      path_.resize(depth);
    }
  }

  template <class Map>
  void read_map(const json::value& value, Map& into, Bounds bounds) {
    const auto* object = value.if_object();
    if (!object) return fault("an object is wanted");
    if (!within(static_cast<std::int64_t>(object->size()), bounds, "members")) return;
    const auto depth = path_.size();
    for (const auto& member : *object) {
      path_ += '/' + pointer_token(member.key());
      typename Map::mapped_type item{};
      read(member.value(), item);
      into.insert_or_assign(std::string(member.key()), std::move(item));
      path_.resize(depth);
    }
  }

  template <class T>
  void read_enum(const json::value& value, T& into) {
    std::vector<std::string_view> names;
    for (const auto& [each, name] : EnumNames<T>::kNames) {
      if (value.is_string() && std::string_view(value.get_string()) == name) {
        into = each;
        return;
      }
      names.push_back(name);
    }
    unknown_word(value, names);
  }

  void read_scalar(const json::value& value, bool& into, Bounds);
  void read_scalar(const json::value& value, double& into, Bounds bounds);
  void read_scalar(const json::value& value, std::string& into, Bounds bounds);
  void read_scalar(const json::value& value, Timestamp& into, Bounds);
  void read_scalar(const json::value& value, json::value& into, Bounds) { into = value; }
  void read_scalar(const json::value& value, json::object& into, Bounds);
  template <class T>
    requires kIsWhole<T>
  void read_scalar(const json::value& value, T& into, Bounds bounds) {
    const auto number = whole(value);
    if (!number) return fault("a whole number is wanted");
    if (!std::in_range<T>(*number)) return fault("the number is too large");
    if (within(*number, bounds, "")) into = static_cast<T>(*number);
  }

  static std::optional<std::int64_t> whole(const json::value& value);
  bool within(std::int64_t size, Bounds bounds, std::string_view unit);
  void fault(std::string message);
  void unknown_member(std::string_view name, const std::vector<std::string_view>& names);
  void unknown_word(const json::value& value, const std::vector<std::string_view>& names);

  std::vector<Fault>& faults_;
  std::string path_;
};

template <class T>
json::value to_json(const T& value) {
  if constexpr (kIsOptional<T>) {
    return value ? to_json(*value) : json::value();
  } else if constexpr (Described<T>) {
    json::object object;
    std::apply([&](const auto&... fields) { ((object[fields.name] = to_json(value.*fields.member)), ...); },
               T::fields());
    return object;
  } else if constexpr (kIsVector<T>) {
    json::array list;
    for (const auto& item : value) list.push_back(to_json(item));
    return list;
  } else if constexpr (kIsMap<T>) {
    json::object object;
    for (const auto& [name, item] : value) object[name] = to_json(item);
    return object;
  } else if constexpr (NamedEnum<T>) {
    return json::value(name_of(value));
  } else if constexpr (std::same_as<T, Timestamp>) {
    return json::value(to_rfc3339(value));
  } else {
    return json::value(value);
  }
}

// JSON Schema (2020-12) of a type, as OpenAPI 3.1 takes it; named types are put into `components` and referred to.
class SchemaWriter {
 public:
  explicit SchemaWriter(json::object& components) : components_(components) {}

  template <class T>
  json::object schema(Bounds bounds = {}) {
    if constexpr (kIsOptional<T>) {
      auto inner = schema<typename T::value_type>(bounds);
      return json::object{{"anyOf", json::array{std::move(inner), json::object{{"type", "null"}}}}};
    } else if constexpr (Described<T>) {
      if constexpr (requires { T::kTypeName; }) {
        if (!components_.contains(T::kTypeName)) {
          components_[T::kTypeName] = nullptr;  // a type may hold itself
          components_[T::kTypeName] = object_schema<T>();
        }
        return json::object{{"$ref", "#/components/schemas/" + std::string(T::kTypeName)}};
      } else {
        return object_schema<T>();
      }
    } else if constexpr (kIsVector<T>) {
      bounds = bounds_or(bounds, kMostItems);
      return json::object{{"type", "array"},
                          {"items", schema<typename T::value_type>()},
                          {"minItems", bounds.least},
                          {"maxItems", bounds.most}};
    } else if constexpr (kIsMap<T>) {
      bounds = bounds_or(bounds, kMostItems);
      return json::object{{"type", "object"},
                          {"additionalProperties", schema<typename T::mapped_type>()},
                          {"minProperties", bounds.least},
                          {"maxProperties", bounds.most}};
    } else if constexpr (NamedEnum<T>) {
      json::array names;
      for (const auto& [each, name] : EnumNames<T>::kNames) names.push_back(json::value(name));
      return json::object{{"type", "string"}, {"enum", std::move(names)}};
    } else {
      return scalar_schema<T>(bounds);
    }
  }

 private:
  template <class T>
  json::object object_schema() {
    json::object properties;
    json::array required;
    std::apply([&](const auto&... fields) { (add_property(fields, properties, required), ...); }, T::fields());
    json::object made{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
    if (!required.empty()) made["required"] = std::move(required);
    return made;
  }

  template <class Owner, class Member>
  void add_property(const Field<Owner, Member>& field, json::object& properties, json::array& required) {
    auto made = schema<Member>(field.bounds);
    made["description"] = field.help;
    properties[field.name] = std::move(made);
    if (!kIsOptional<Member> && !field.bounds.has_default) required.push_back(json::value(field.name));
  }

  template <class T>
  json::object scalar_schema(Bounds bounds) {
    if constexpr (std::same_as<T, bool>) return {{"type", "boolean"}};
    if constexpr (std::same_as<T, double>) return {{"type", "number"}};
    if constexpr (std::same_as<T, Timestamp>) return {{"type", "string"}, {"format", "date-time"}};
    if constexpr (std::same_as<T, json::object>) return {{"type", "object"}};
    if constexpr (std::same_as<T, json::value>) return {};
    if constexpr (std::same_as<T, std::string>) {
      bounds = bounds_or(bounds, kMostText);
      return {{"type", "string"}, {"minLength", bounds.least}, {"maxLength", bounds.most}};
    }
    if constexpr (kIsWhole<T>) {
      if (bounds.least == INT64_MIN && std::unsigned_integral<T>) bounds.least = 0;
      json::object made{{"type", "integer"}};
      if (bounds.least != INT64_MIN) made["minimum"] = bounds.least;
      if (bounds.most != INT64_MAX) made["maximum"] = bounds.most;
      return made;
    }
  }

  json::object& components_;
};

}  // namespace osprey::server::api
