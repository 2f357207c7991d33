// carve(path), osquery's aggregate that hands files to the carver.
#include "sql/functions/call.h"

namespace osprey::sql {
namespace {

void collect(sqlite3_context*, int, sqlite3_value**) {}

// What osquery answers while its carver is off, which it is by default.
void refuse(sqlite3_context* context) { Call(context, 0, nullptr).answer("Carve Failed:"); }

}  // namespace

int register_carve(sqlite3* connection) {
  return sqlite3_create_function_v2(connection, "carve", 1, SQLITE_UTF8, nullptr, nullptr, collect, refuse, nullptr);
}

}  // namespace osprey::sql
