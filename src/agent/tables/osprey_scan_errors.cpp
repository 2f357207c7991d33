#include "agent/limits/scan_errors.h"
#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

Rows<ScanError> scan(const Scan& scan) {
  const auto* errors = scan.service<ScanErrors>();
  if (!errors) co_return;
  auto all = errors->list();
  for (auto& error : all) co_yield error;
}

}  // namespace

Table osprey_scan_errors() {
  return table("osprey_scan_errors", "What scheduled queries could not look at since the agent's start.", scan)
      .column("table_name", &ScanError::table, "The table that met it.")
      .column("path", &ScanError::path, "The file or other thing that it is about.")
      .column("operation", &ScanError::operation,
              "What was being done, as far as the error shows: open, read, parse, wait or unsupported.")
      .column("errno", &ScanError::code, "The system's error number; 0 where no system call is behind it.")
      .column("error", &ScanError::error, "What went wrong.")
      .column("query_name", &ScanError::query, "The query that was run.")
      .column("count", &ScanError::count, "How often.")
      .column("first_time", &ScanError::first_time, "When it was first met, in Unix seconds.")
      .column("last_time", &ScanError::last_time, "When it was last met, in Unix seconds.")
      .utility()
      .example("SELECT table_name, path, error, count FROM osprey_scan_errors WHERE errno IN (1, 13)")
      .note("The most recent first, 4,096 kinds at most. Rows come from the running agent; the shell has none.");
}

}  // namespace osprey::agent::tables
