#include "sql/functions/call.h"

#include <cerrno>

namespace osprey::sql {

bool Call::any_null() const noexcept {
  for (int i = 0; i < count(); ++i) {
    if (is_null(i)) return true;
  }
  return false;
}

std::string_view Call::text(int index) const {
  sqlite3_value* value = arguments_[index];
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (!bytes) {
    if (sqlite3_value_type(value) != SQLITE_NULL) throw std::bad_alloc();
    return "";
  }
  return {bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

void Call::fail(const Error& error) {
  if (error.code == EINTR) return fail_interrupted();
  fail(error.text());
}

}  // namespace osprey::sql
