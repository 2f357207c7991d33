#include "linux/procfs/modules.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  linux::KernelModule module;
  const Root* root;

  Result<std::string> srcversion() const { return root->read_trimmed("/sys/module/" + module.name + "/srcversion"); }
};

Rows<Handle> scan(const Scan& scan) {
  for (auto& module : entries_of(scan, "/proc/modules", linux::parse_modules)) {
    Handle handle{std::move(module), &scan.root()};
    co_yield handle;
    if (scan.interrupted()) co_return;
  }
}

}  // namespace

Table kernel_modules() {
  return table("kernel_modules", "Modules that the kernel has loaded.", scan)
      .column(
          "name", TEXT, [](const Handle& h) -> std::string_view { return h.module.name; }, "Name of the module.")
      .column(
          "size", BIGINT, [](const Handle& h) { return h.module.size; }, "Memory it takes, in bytes.")
      .column(
          "used_by", TEXT, [](const Handle& h) -> std::string_view { return h.module.used_by; },
          "Modules that need it, separated by commas, or a dash.")
      .column(
          "status", TEXT, [](const Handle& h) -> std::string_view { return h.module.status; },
          "Live, Loading or Unloading.")
      .column(
          "address", TEXT, [](const Handle& h) -> std::string_view { return h.module.address; },
          "Where it stands in the kernel's memory; zeros without the right to see it.")
      .column(
          "taints", [](const Handle& h) -> std::string_view { return h.module.taints; },
          "Letters for what taints the kernel, such as O (out of tree) and E (unsigned).", HIDDEN)
      .column(
          "refcount", INTEGER, [](const Handle& h) { return h.module.refcount; },
          "How many users it has, modules and others.", HIDDEN)
      .column("srcversion", &Handle::srcversion, "Checksum of the source it was built from.", HIDDEN)
      .example("SELECT name, size, used_by FROM kernel_modules WHERE status = 'Live'")
      .example("SELECT name, taints FROM kernel_modules WHERE taints <> ''")
      .note(
          "Proven on captured text and in a guest (tests/guest): the machine that osprey is built on has no modules.");
}

}  // namespace osprey::tables
