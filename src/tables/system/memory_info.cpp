#include <map>
#include <optional>

#include "linux/procfs/meminfo.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::map<std::string, std::int64_t, std::less<>> values;

  std::optional<std::int64_t> value(std::string_view name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  }
};

Rows<Handle> scan(const Scan& scan) {
  const auto file = scan.take(scan.root().read("/proc/meminfo"));
  if (!file) co_return;
  Handle handle{linux::parse_meminfo(file->bytes)};
  co_yield handle;
}

}  // namespace

Table memory_info() {
  return table("memory_info", "How much main memory there is and what it is used for, in bytes.", scan)
      .column(
          "memory_total", BIGINT, [](const Handle& h) { return h.value("MemTotal"); },
          "Memory that the kernel manages.")
      .column(
          "memory_free", BIGINT, [](const Handle& h) { return h.value("MemFree"); }, "Memory that nothing uses.")
      .column(
          "memory_available", BIGINT, [](const Handle& h) { return h.value("MemAvailable"); },
          "The kernel's estimate of what new programs can have without swapping.")
      .column(
          "buffers", BIGINT, [](const Handle& h) { return h.value("Buffers"); }, "Cache of raw device blocks.")
      .column(
          "cached", BIGINT, [](const Handle& h) { return h.value("Cached"); }, "Cache of file contents.")
      .column(
          "swap_cached", BIGINT, [](const Handle& h) { return h.value("SwapCached"); },
          "Memory that is back from swap and still has its copy there.")
      .column(
          "active", BIGINT, [](const Handle& h) { return h.value("Active"); }, "Memory used recently.")
      .column(
          "inactive", BIGINT, [](const Handle& h) { return h.value("Inactive"); },
          "Memory not used for some time, the first to be reclaimed.")
      .column(
          "swap_total", BIGINT, [](const Handle& h) { return h.value("SwapTotal"); }, "Size of all swap areas.")
      .column(
          "swap_free", BIGINT, [](const Handle& h) { return h.value("SwapFree"); }, "Swap space not in use.")
      .example("SELECT memory_available * 100 / memory_total AS percent_available FROM memory_info");
}

}  // namespace osprey::tables
