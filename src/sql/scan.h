// Scan: all that SQLite knows before it asks a table: keys, ranges, patterns, the columns in use, the limit.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

namespace osprey::sql {

class Table;

// What could not be looked at during one query. Bounded: beyond the cap warnings are only counted.
struct Warning {
  std::string table;
  Error error;
};
class Warnings {
 public:
  static constexpr std::size_t kCap = 256;
  void add(std::string_view table, Error error);
  const std::vector<Warning>& list() const noexcept { return list_; }
  std::uint64_t beyond_cap() const noexcept { return beyond_cap_; }
  void clear();

 private:
  std::vector<Warning> list_;
  std::uint64_t beyond_cap_ = 0;
};

// What tables may ask of the program they run in (its flags, its schedule…), by type.
class Services {
 public:
  template <class T>
  void provide(T& service) {
    map_[typeid(T)] = &service;
  }
  // Null where the program does not have it.
  template <class T>
  T* find() const {
    const auto found = map_.find(typeid(T));
    return found == map_.end() ? nullptr : static_cast<T*>(found->second);
  }

 private:
  std::unordered_map<std::type_index, void*> map_;
};

// LIKE, GLOB or REGEXP on a column. SQLite checks each row against it again.
struct Pattern {
  enum class Kind { like, glob, regexp } kind;
  std::string text;
};

using Key = std::variant<std::int64_t, double, std::string>;

class Scan {
 public:
  // The filesystem asked about.
  const Root& root() const noexcept { return *root_; }
  const Interrupt& interrupt() const noexcept { return *interrupt_; }
  bool interrupted() const noexcept { return interrupt_->requested(); }
  // The program runs under osquery's name: do as osquery does where we would rather not.
  bool osquery_compatible() const noexcept { return osquery_compatible_; }
  template <class T>
  T* service() const {
    return services_->find<T>();
  }
  // What a table that was made while the program runs is about: of the type that its maker gave it.
  template <class T>
  const T& subject() const {
    return *static_cast<const T*>(subject_pointer());
  }

  // Says that something could not be looked at. What is merely absent is not reported.
  void warn(const Error& error) const;
  // The query cannot be answered as it is: it ends with an error, "table NAME " and `why`. To be followed by the end of
  // the scan. Under osquery's name a warning, and no rows.
  void refuse(std::string why) const;
  // The value, or empty with a warning.
  template <class T>
  std::optional<T> take(Result<T> result) const {
    if (result) return std::move(*result);
    warn(result.error());
    return std::nullopt;
  }

  // Whether the query reads this column.
  bool wants(std::string_view column) const;
  // Whether the query reads anything besides this column: if not, listing the keys is all there is to do.
  bool wants_other_than(std::string_view column) const;

  // The values that `column` is asked to equal (= or IN), without repeats and in ascending order; empty optional
  // when it is not constrained so. Values of another type than the column's never match and are left out.
  std::optional<std::vector<std::int64_t>> integers(std::string_view column) const;
  std::optional<std::vector<std::string>> texts(std::string_view column) const;
  // The asked values, or all of them.
  template <class T, class All>
  std::vector<T> keys(std::string_view column, All&& all) const {
    if constexpr (std::integral<T>) {
      if (const auto asked = integers(column)) {
        std::vector<T> found;
        for (const auto value : *asked)
          if (std::in_range<T>(value)) found.push_back(static_cast<T>(value));
        return found;
      }
    } else {
      if (auto asked = texts(column)) return {asked->begin(), asked->end()};
    }
    return all();
  }
  // Whether `value` may be wanted: true unless keys for the column leave it out. For tables that read everything
  // anyway and can save the work on a row.
  bool matches(std::string_view column, std::int64_t value) const;
  bool matches(std::string_view column, std::string_view value) const;

  std::vector<Pattern> patterns(std::string_view column) const;
  // The closed interval that <, <=, > and >= leave of a whole-number column.
  struct Bounds {
    std::int64_t low = INT64_MIN;
    std::int64_t high = INT64_MAX;
  };
  Bounds bounds(std::string_view column) const;
  // The most rows that will be read, where SQLite drops none of them afterwards.
  std::optional<std::int64_t> limit() const noexcept { return limit_; }

 private:
  friend class Cursor;
  friend class ScanBuilder;

  struct Equality {
    std::size_t column;
    std::vector<Key> keys;
  };
  struct Comparison {
    std::size_t column;
    unsigned char op;  // SQLITE_INDEX_CONSTRAINT_*
    Key value;
  };

  const Equality* equality(std::string_view column) const;
  const void* subject_pointer() const;

  const Table* table_ = nullptr;
  const Root* root_ = nullptr;
  const Interrupt* interrupt_ = nullptr;
  const Services* services_ = nullptr;
  Warnings* warnings_ = nullptr;
  bool osquery_compatible_ = false;
  mutable std::string refusal_;  // empty: none
  std::uint64_t columns_used_ = ~std::uint64_t{0};
  std::vector<Equality> equalities_;
  std::vector<Comparison> comparisons_;
  std::optional<std::int64_t> limit_;
  // Whose mount namespace `root_` is, where it is not the host's own.
  pid_t namespace_pid_ = 0;
};

}  // namespace osprey::sql
