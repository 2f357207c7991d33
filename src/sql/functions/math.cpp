// Mathematics as osquery has it: NULL gives NULL, and what sets errno is an SQL error. SQLite's own functions of
// these names answer NULL there, so these take their place.
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>

#include "sql/functions/call.h"

namespace osprey::sql {
namespace {

using Real = double (*)(double);

double cot(double x) { return 1.0 / std::tan(x); }
double degrees(double radians) { return radians * 180.0 / std::numbers::pi; }
double radians(double degrees) { return degrees * std::numbers::pi / 180.0; }

void answer_unless_errno(Call& call, double value, int error) {
  if (error != 0) return call.fail(std::strerror(error));
  call.answer(value);
}

template <Real function>
void real_function(Call& call) {
  if (call.any_null()) return;
  const double x = call.real(0);
  errno = 0;
  const double value = function(x);
  answer_unless_errno(call, value, errno);
}

void power(Call& call) {
  if (call.any_null()) return;
  const double base = call.real(0);
  const double exponent = call.real(1);
  errno = 0;
  const double value = std::pow(base, exponent);
  answer_unless_errno(call, value, errno);
}

// What lies outside the integers becomes the least of them, whichever its sign: osquery on x86-64 does so.
std::int64_t to_integer(double value) {
  constexpr double limit = 9223372036854775808.0;
  if (value >= -limit && value < limit) return static_cast<std::int64_t>(value);
  return std::numeric_limits<std::int64_t>::min();
}

template <Real function>
void integer_function(Call& call) {
  if (call.any_null()) return;
  if (call.type(0) == SQLITE_INTEGER) return call.answer(call.integer(0));
  call.answer(to_integer(function(call.real(0))));
}

void pi(Call& call) { call.answer(std::numbers::pi); }

}  // namespace

std::span<const Function> math_functions() {
  static constexpr Function functions[] = {
      function<real_function<std::sqrt>>("sqrt", 1, kPure),
      function<real_function<std::log>>("log", 1, kPure),
      function<real_function<std::log10>>("log10", 1, kPure),
      function<real_function<std::exp>>("exp", 1, kPure),
      function<real_function<std::sin>>("sin", 1, kPure),
      function<real_function<std::cos>>("cos", 1, kPure),
      function<real_function<std::tan>>("tan", 1, kPure),
      function<real_function<cot>>("cot", 1, kPure),
      function<real_function<std::asin>>("asin", 1, kPure),
      function<real_function<std::acos>>("acos", 1, kPure),
      function<real_function<std::atan>>("atan", 1, kPure),
      function<real_function<degrees>>("degrees", 1, kPure),
      function<real_function<radians>>("radians", 1, kPure),
      function<integer_function<std::ceil>>("ceil", 1, kPure),
      function<integer_function<std::floor>>("floor", 1, kPure),
      function<power>("power", 2, kPure),
      function<pi>("pi", 0, kPure),
  };
  return functions;
}

}  // namespace osprey::sql
