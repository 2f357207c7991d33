// Column: a name, a declared type, what it means, and how a handle answers it.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"

struct sqlite3_context;

namespace osprey::sql {

class Scan;

// The types that osquery's schema declares.
enum class Type : std::uint8_t { text, integer, bigint, unsigned_bigint, real, blob };
std::string_view sql_name(Type type) noexcept;  // "TEXT", "UNSIGNED BIGINT"…

template <Type t>
struct TypeTag {
  static constexpr Type type = t;
};
inline constexpr TypeTag<Type::text> TEXT;
inline constexpr TypeTag<Type::integer> INTEGER;
inline constexpr TypeTag<Type::bigint> BIGINT;
inline constexpr TypeTag<Type::unsigned_bigint> UNSIGNED_BIGINT;
inline constexpr TypeTag<Type::real> DOUBLE;
inline constexpr TypeTag<Type::blob> BLOB;

// What a column is to the planner. Values are those of osquery's extension API (compat section 9.4).
enum class Option : std::uint16_t {
  none = 0,
  index = 1,
  required = 2,
  additional = 4,
  optimized = 8,
  hidden = 16,
  nocase = 64,
  version = 256,
  version_arch = 512,
  version_dpkg = 1024,
  version_rhel = 2048,
  passed = 1 << 15,  // ours, never told to anybody
};
constexpr Option operator|(Option a, Option b) noexcept {
  return static_cast<Option>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool has(Option set, Option wanted) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(wanted)) != 0;
}
inline constexpr Option INDEX = Option::index;            // the table looks these values up: equality and IN are cheap
inline constexpr Option REQUIRED = Option::required;      // without a constraint the query is an error
inline constexpr Option ADDITIONAL = Option::additional;  // a constraint changes what is looked at
inline constexpr Option OPTIMIZED = Option::optimized;    // osquery hands IN lists over whole; we always do
inline constexpr Option HIDDEN = Option::hidden;          // not in SELECT *
inline constexpr Option PASSED = Option::passed;          // constraints reach the table, unlike osquery's; no cheaper
inline constexpr Option NOCASE = Option::nocase;
inline constexpr Option VERSION = Option::version;
inline constexpr Option VERSION_ARCH = Option::version_arch;
inline constexpr Option VERSION_DPKG = Option::version_dpkg;
inline constexpr Option VERSION_RHEL = Option::version_rhel;

// What tells a row from others, of all its values.
class RowHash {
 public:
  void add(std::uint64_t value) noexcept { hash_ = std::rotl((hash_ ^ value) * 0x9E37'79B9'7F4A'7C15, 29); }
  std::uint64_t value() const noexcept { return hash_; }

 private:
  std::uint64_t hash_ = 0;
};

// Where a column's value goes. Text is copied. Setting nothing leaves NULL.
class Output {
 public:
  Output(sqlite3_context* context, const Scan& scan) noexcept : context_(context), scan_(scan) {}
  Output(RowHash& hash, const Scan& scan) noexcept : hash_(&hash), scan_(scan) {}
  void integer(std::int64_t value) const;
  void unsigned_integer(std::uint64_t value) const;  // above 2^63-1 as text: SQLite's integers end there
  void real(double value) const;
  void text(std::string_view value) const;
  void blob(std::string_view value) const;
  // Could not look: NULL, and a warning unless the error says that nothing is there.
  void failed(const Error& error) const;

 private:
  sqlite3_context* context_ = nullptr;
  RowHash* hash_ = nullptr;  // where there is no context
  const Scan& scan_;
};

template <class T>
struct Unwrapped {
  using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> : Unwrapped<T> {};
template <class T>
struct Unwrapped<Result<T>> : Unwrapped<T> {};

template <class T>
concept TextLike = std::convertible_to<const T&, std::string_view>;

// The type that a column has when none is declared.
template <class Value>
consteval Type deduced_type() {
  using V = typename Unwrapped<std::remove_cvref_t<Value>>::type;
  if constexpr (std::floating_point<V>)
    return Type::real;
  else if constexpr (std::integral<V> || std::is_enum_v<V>)
    return sizeof(V) < 4 || (sizeof(V) == 4 && std::is_signed_v<V>) ? Type::integer : Type::bigint;
  else
    return Type::text;
}

// Whether an accessor's value can fill a column of `type`.
template <class Value>
consteval bool fills(Type type) {
  using V = typename Unwrapped<std::remove_cvref_t<Value>>::type;
  switch (type) {
    case Type::text:
    case Type::blob:
      return TextLike<V>;
    case Type::real:
      return std::floating_point<V>;
    default:
      return std::integral<V> || std::is_enum_v<V>;
  }
}

template <class V>
void put(const Output& output, Type type, const V& value) {
  if constexpr (std::is_enum_v<V>)
    output.integer(static_cast<std::int64_t>(value));
  else if constexpr (std::unsigned_integral<V>)
    output.unsigned_integer(value);
  else if constexpr (std::integral<V>)
    output.integer(value);
  else if constexpr (std::floating_point<V>)
    output.real(value);
  else if (type == Type::blob)
    output.blob(value);
  else
    output.text(value);
}
template <class V>
void put(const Output& output, Type type, const std::optional<V>& value) {
  if (value) put(output, type, *value);
}
template <class V>
void put(const Output& output, Type type, const Result<V>& value) {
  if (value)
    put(output, type, *value);
  else
    output.failed(value.error());
}

// A member, member function or captureless lambda, kept with the code that calls it on a handle.
class Accessor {
 public:
  template <class Handle, class F>
  static Accessor of(F function) {
    static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= sizeof(storage_));
    Accessor accessor;
    new (accessor.storage_.data()) F(function);
    accessor.call_ = [](const Accessor& self, void* handle, Type type, const Output& output) {
      const F& stored = *std::launder(reinterpret_cast<const F*>(self.storage_.data()));
      put(output, type, std::invoke(stored, *static_cast<Handle*>(handle)));
    };
    return accessor;
  }
  void operator()(void* handle, Type type, const Output& output) const { call_(*this, handle, type, output); }

 private:
  alignas(void*) std::array<std::byte, 16> storage_{};  // a pointer to member function is two words
  void (*call_)(const Accessor&, void*, Type, const Output&) = nullptr;
};

struct Column {
  // Who answers: the table's handle, or the bridge (which namespace was looked into; other platforms' columns).
  enum class Source : std::uint8_t { handle, pid_with_namespace, mount_namespace_id, foreign };

  std::string name;
  Type type = Type::text;
  std::string help;
  Option options = Option::none;
  Source source = Source::handle;
  Accessor accessor;
  std::string alias_of;  // the column that this is another name of
};

}  // namespace osprey::sql
