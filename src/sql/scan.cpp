#include "sql/scan.h"

#include <sqlite3.h>

#include "sql/table.h"

namespace osprey::sql {

void Warnings::add(std::string_view table, Error error) {
  // The same complaint about the same thing is said once.
  for (const auto& known : list_)
    if (known.table == table && known.error.subject == error.subject && known.error.message == error.message) return;
  if (list_.size() == kCap) {
    ++beyond_cap_;
    return;
  }
  list_.push_back({std::string(table), std::move(error)});
}

void Warnings::clear() {
  list_.clear();
  beyond_cap_ = 0;
}

const void* Scan::subject_pointer() const { return table_->subject.get(); }

void Scan::warn(const Error& error) const {
  if (!error.absent() && error.code != ECANCELED) warnings_->add(table_->name, error);
}

void Scan::refuse(std::string why) const {
  if (osquery_compatible_)
    warn({0, {}, std::move(why)});
  else
    refusal_ = std::move(why);
}

bool Scan::wants(std::string_view column) const { return table_->in_use(columns_used_, column); }

bool Scan::wants_other_than(std::string_view column) const {
  for (const auto& known : table_->columns)
    if (known.name != column && known.alias_of != column && wants(known.name)) return true;
  return false;
}

const Scan::Equality* Scan::equality(std::string_view column) const {
  for (const auto& one : equalities_)
    if (table_->columns[one.column].name == column) return &one;
  return nullptr;
}

std::optional<std::vector<std::int64_t>> Scan::integers(std::string_view column) const {
  const auto* asked = equality(column);
  if (!asked) return std::nullopt;
  std::vector<std::int64_t> values;
  for (const auto& key : asked->keys)
    if (const auto* value = std::get_if<std::int64_t>(&key)) values.push_back(*value);
  return values;
}

std::optional<std::vector<std::string>> Scan::texts(std::string_view column) const {
  const auto* asked = equality(column);
  if (!asked) return std::nullopt;
  std::vector<std::string> values;
  for (const auto& key : asked->keys)
    if (const auto* value = std::get_if<std::string>(&key)) values.push_back(*value);
  return values;
}

bool Scan::matches(std::string_view column, std::int64_t value) const {
  const auto asked = integers(column);
  return !asked || std::ranges::binary_search(*asked, value);
}

bool Scan::matches(std::string_view column, std::string_view value) const {
  const auto* asked = equality(column);
  return !asked || std::ranges::any_of(asked->keys, [&](const Key& key) {
    const auto* text = std::get_if<std::string>(&key);
    return text && *text == value;
  });
}

std::vector<Pattern> Scan::patterns(std::string_view column) const {
  std::vector<Pattern> found;
  for (const auto& one : comparisons_) {
    const auto* text = std::get_if<std::string>(&one.value);
    if (!text || table_->columns[one.column].name != column) continue;
    if (one.op == SQLITE_INDEX_CONSTRAINT_LIKE) found.push_back({Pattern::Kind::like, *text});
    if (one.op == SQLITE_INDEX_CONSTRAINT_GLOB) found.push_back({Pattern::Kind::glob, *text});
    if (one.op == SQLITE_INDEX_CONSTRAINT_REGEXP) found.push_back({Pattern::Kind::regexp, *text});
  }
  return found;
}

Scan::Bounds Scan::bounds(std::string_view column) const {
  Bounds bounds;
  for (const auto& one : comparisons_) {
    const auto* value = std::get_if<std::int64_t>(&one.value);
    if (!value || table_->columns[one.column].name != column) continue;
    switch (one.op) {
      case SQLITE_INDEX_CONSTRAINT_GT:
        bounds.low = std::max(bounds.low, *value == INT64_MAX ? *value : *value + 1);
        break;
      case SQLITE_INDEX_CONSTRAINT_GE:
        bounds.low = std::max(bounds.low, *value);
        break;
      case SQLITE_INDEX_CONSTRAINT_LT:
        bounds.high = std::min(bounds.high, *value == INT64_MIN ? *value : *value - 1);
        break;
      case SQLITE_INDEX_CONSTRAINT_LE:
        bounds.high = std::min(bounds.high, *value);
        break;
      default:
        break;
    }
  }
  return bounds;
}

}  // namespace osprey::sql
