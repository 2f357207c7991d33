// Call: one invocation of an SQL function, and the frame that keeps exceptions out of SQLite.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <string_view>

#include "base/result.h"
#include "sql/functions/functions.h"

namespace osprey::sql {

class Call {
 public:
  Call(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept
      : context_(context), arguments_(arguments, static_cast<std::size_t>(count)) {}

  const FunctionOptions& options() const noexcept {
    return *static_cast<const FunctionOptions*>(sqlite3_user_data(context_));
  }
  bool interrupted() const { return options().interrupted && options().interrupted(); }

  int count() const noexcept { return static_cast<int>(arguments_.size()); }
  // SQLITE_NULL, SQLITE_TEXT…; to be asked before text(), which may convert the value.
  int type(int index) const noexcept { return sqlite3_value_type(arguments_[index]); }
  bool is_null(int index) const noexcept { return type(index) == SQLITE_NULL; }
  bool any_null() const noexcept;
  // The value's text form, or a blob's bytes; valid until the function returns. Never a null pointer.
  std::string_view text(int index) const;
  std::int64_t integer(int index) const noexcept { return sqlite3_value_int64(arguments_[index]); }
  double real(int index) const noexcept { return sqlite3_value_double(arguments_[index]); }

  // Exactly one of these ends a call; without any the result is NULL.
  void answer(std::string_view text) noexcept {
    sqlite3_result_text64(context_, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  void answer(std::int64_t value) noexcept { sqlite3_result_int64(context_, value); }
  void answer(double value) noexcept { sqlite3_result_double(context_, value); }
  void fail(std::string_view message) noexcept {
    sqlite3_result_error(context_, message.data(), static_cast<int>(message.size()));
  }
  void fail_interrupted() noexcept { sqlite3_result_error_code(context_, SQLITE_INTERRUPT); }
  void fail_out_of_memory() noexcept { sqlite3_result_error_nomem(context_); }
  // EINTR ends the statement as interrupted, anything else is an SQL error.
  void fail(const Error& error);

  // What an earlier call of the same statement kept beside a constant argument, or null.
  template <class T>
  T* kept(int index) const noexcept {
    return static_cast<T*>(sqlite3_get_auxdata(context_, index));
  }
  // SQLite may delete the object at once: it is not to be used after.
  template <class T>
  void keep(int index, T* object) noexcept {
    sqlite3_set_auxdata(context_, index, object, [](void* kept) { delete static_cast<T*>(kept); });
  }

 private:
  sqlite3_context* context_;
  std::span<sqlite3_value*> arguments_;
};

// One function as it is registered.
struct Function {
  using Entry = void (*)(sqlite3_context*, int, sqlite3_value**);
  const char* name;
  int arguments;  // -1: any number
  int flags;
  Entry scalar;
};

constexpr int kPure = SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;  // nothing but the arguments decides
constexpr int kHost = 0;                                        // looks at the host or takes time

template <void (*Body)(Call&)>
void enter(sqlite3_context* context, int count, sqlite3_value** arguments) {
  Call call(context, count, arguments);
  try {
    Body(call);
  } catch (const std::bad_alloc&) {
    call.fail_out_of_memory();
  } catch (const std::exception& error) {
    call.fail(error.what());
  } catch (...) {
    call.fail("unknown error");
  }
}

template <void (*Body)(Call&)>
constexpr Function function(const char* name, int arguments, int flags) {
  return {name, arguments, flags, &enter<Body>};
}

std::span<const Function> math_functions();
std::span<const Function> string_functions();
std::span<const Function> regex_functions();
std::span<const Function> encoding_functions();
std::span<const Function> hashing_functions();
std::span<const Function> network_functions();
std::span<const Function> version_functions();
std::span<const Function> path_functions();
std::span<const Function> sleep_functions();

// Returns SQLite's result code.
int register_carve(sqlite3* connection, const FunctionOptions& options);
int register_version_collations(sqlite3* connection, bool osquery_compatible);

}  // namespace osprey::sql
