#include "sql/functions/functions.h"

#include <stdexcept>

#include "sql/functions/call.h"

namespace osprey::sql {

static void check(sqlite3* connection, int code, const char* name) {
  if (code != SQLITE_OK) throw std::runtime_error(std::string(name) + ": " + sqlite3_errmsg(connection));
}

void register_functions(sqlite3* connection, const FunctionOptions& options) {
  for (const auto functions :
       {math_functions(), string_functions(), regex_functions(), encoding_functions(), hashing_functions(),
        network_functions(), version_functions(), path_functions(), sleep_functions()}) {
    for (const Function& function : functions) {
      const int code = sqlite3_create_function_v2(connection, function.name, function.arguments,
                                                  SQLITE_UTF8 | function.flags, const_cast<FunctionOptions*>(&options),
                                                  function.scalar, nullptr, nullptr, nullptr);
      check(connection, code, function.name);
    }
  }
  check(connection, register_carve(connection, options), "carve");
  check(connection, register_version_collations(connection, options.osquery_compatible), "version");
}

}  // namespace osprey::sql
