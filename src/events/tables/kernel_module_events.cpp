#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<KernelModuleEvent>;

}  // namespace

Table kernel_module_events() {
  return with_attribution(
             with_time(event_table<KernelModuleEvent>("kernel_module_events",
                                                      "Kernel modules that were loaded and unloaded, by whom."))
                 .column(
                     "action", [](const Row& row) { return row.event.action; }, "load, unload or request.")
                 .column(
                     "name", [](const Row& row) { return row.event.name; }, "Module.")
                 .column(
                     "path", [](const Row& row) { return row.event.path; },
                     "File it came from; empty where it came from memory.")
                 .column(
                     "parameters", [](const Row& row) { return row.event.parameters; }, "What it was given.")
                 .column(
                     "method", [](const Row& row) { return row.event.method; },
                     "init_module, finit_module or delete_module.")
                 .column("pid", row::pid, "Process id.")
                 .column("exe", row::path, "Executable of the process.")
                 .column("uid", row::uid, "User id.")
                 .column("login_uid", row::login_uid, "User that logged in; 4294967295 where nobody did.")
                 .column(
                     "sha256", [](const Row& row) { return row.event.sha256; }, "Digest of the file.")
                 .column(
                     "signed", [](const Row& row) { return row.event.is_signed; }, "1 if it carries a signature.")
                 .column(
                     "taints", [](const Row& row) { return row.event.taints; },
                     "What it does to the kernel's standing, as letters.")
                 .column("outcome", row::outcome, "success, or the error's name."))
      .example("SELECT time, name, exe, outcome FROM kernel_module_events WHERE action = 'load'");
}

}  // namespace osprey::events::tables
