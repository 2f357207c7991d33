// Result<T>: a value, or what went wrong. What can fail returns one; exceptions are for bugs.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace osprey {

struct Error {
  int code = 0;         // errno, or 0 where no system call is behind it
  std::string subject;  // the path, table or option it is about; may be empty
  std::string message;  // what went wrong, without the subject

  // Nothing is there (ENOENT, ENOTDIR, ESRCH): a normal answer, told apart from «could not look».
  bool absent() const noexcept;
  // The system refused: EACCES or EPERM.
  bool denied() const noexcept;
  // "subject: message", or the message alone.
  std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;

// The value as `function` changes it, or the same error: std::expected::transform, which libstdc++ 12 lacks.
template <class T, class F>
auto transform(const Result<T>& result, F&& function)
    -> Result<std::remove_cvref_t<std::invoke_result_t<F, const T&>>> {
  if (!result) return std::unexpected(result.error());
  return std::invoke(std::forward<F>(function), *result);
}

// An error without a system call behind it.
std::unexpected<Error> failure(std::string subject, std::string message);
// An error from `code`, an errno value, with the system's words for it.
std::unexpected<Error> system_failure(int code, std::string subject);
// The same from errno as it is now.
std::unexpected<Error> system_failure(std::string subject);

}  // namespace osprey

// The value of a Result, or return from this function with its error.
#define TRY(...)                                          \
  __extension__({                                         \
    auto&& result_ = (__VA_ARGS__);                       \
    if (!result_) [[unlikely]]                            \
      return std::unexpected(std::move(result_).error()); \
    *std::move(result_);                                  \
  })
