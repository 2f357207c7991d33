// carve(path), osquery's aggregate that hands files to the carver.
#include <memory>
#include <string>
#include <vector>

#include "sql/carving.h"
#include "sql/functions/call.h"

namespace osprey::sql {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;  // of all paths

struct Paths {
  std::vector<std::string> list;
  std::size_t bytes = 0;
};

// SQLite's room for one group is zeroed first and freed without a destructor, so it has a pointer: null before the
// first row. `bytes` is 0 to ask without making it.
Paths** slot_of(sqlite3_context* context, int bytes) {
  return static_cast<Paths**>(sqlite3_aggregate_context(context, bytes));
}

void collect(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  Call call(context, count, arguments);
  try {
    auto** slot = slot_of(context, sizeof(Paths*));
    if (!slot) return call.fail_out_of_memory();
    if (!*slot) *slot = new Paths;
    auto& paths = **slot;
    if (call.is_null(0)) return;
    const auto path = call.text(0);
    paths.bytes += path.size() + 1;
    // The rest is not kept: finish() refuses them all.
    if (paths.bytes <= kMostBytes) paths.list.emplace_back(path);
  } catch (const std::bad_alloc&) {
    call.fail_out_of_memory();
  }
}

Result<void> carve(const FunctionOptions& options, const Paths* paths) {
  auto* carving = options.carving;
  if (!carving) return failure({}, "it is off (disable_carver, carver_disable_function)");
  if (!paths || paths->list.empty()) return failure({}, "no paths");
  if (paths->bytes > kMostBytes) return failure({}, "more than 1 MiB of paths: ask for fewer");
  return carving->carve(paths->list);
}

void finish(sqlite3_context* context) noexcept {
  Call call(context, 0, nullptr);
  try {
    auto** slot = slot_of(context, 0);
    const std::unique_ptr<Paths> paths(slot ? *slot : nullptr);
    if (const auto asked = carve(call.options(), paths.get()))
      call.answer("Carve Started");
    else if (call.options().osquery_compatible)
      call.answer("Carve Failed:");  // osquery's answer ends here
    else
      call.answer("Carve Failed: " + asked.error().text());
  } catch (const std::exception&) {
    call.fail_out_of_memory();
  }
}

}  // namespace

int register_carve(sqlite3* connection, const FunctionOptions& options) {
  return sqlite3_create_function_v2(connection, "carve", 1, SQLITE_UTF8, const_cast<FunctionOptions*>(&options),
                                    nullptr, collect, finish, nullptr);
}

}  // namespace osprey::sql
