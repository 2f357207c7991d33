#include "events/tables/table.h"

namespace osprey::events::tables {

Table kernel_module_events() {
  return event_table<KernelModuleEvent>("kernel_module_events",
                                        "Kernel modules that were loaded and unloaded, by whom.")
      .columns(columns::when)
      .column("action", row::field<&KernelModuleEvent::action>, "load or unload.")
      .column("name", row::field<&KernelModuleEvent::name>, "Module.")
      .column("path", row::field<&KernelModuleEvent::path>, "File it came from; empty where it came from memory.")
      .column("parameters", row::field<&KernelModuleEvent::parameters>, "What it was given.")
      .column("method", row::field<&KernelModuleEvent::method>, "init_module, finit_module or delete_module.")
      .column("pid", row::pid, "Process id.")
      .column("exe", row::path, "Executable of the process.")
      .column("uid", row::uid, "User id.")
      .column("login_uid", row::login_uid, "User that logged in; 4294967295 where nobody did.")
      .column("sha256", row::field<&KernelModuleEvent::sha256>,
              "SHA-256 of the file, once it was read for this event; empty where it was gone or the budget was spent.")
      .column("signed", row::field<&KernelModuleEvent::is_signed>,
              "1 if the file has a signature behind it, 0 if not; NULL where it is compressed or was not read.")
      .column("taints", row::field<&KernelModuleEvent::taints>, "What it does to the kernel's standing, as letters.")
      .column("outcome", row::outcome, "success, or the error's name.")
      .columns(columns::attribution)
      .example("SELECT time, name, exe, outcome FROM kernel_module_events WHERE action = 'load'");
}

}  // namespace osprey::events::tables
