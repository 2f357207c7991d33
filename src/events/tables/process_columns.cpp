#include "events/tables/process_columns.h"

namespace osprey::events::tables::columns {

ProcessTable&& working_directory(ProcessTable&& table) {
  return std::move(table).column("cwd", TEXT, row::field<&ProcessEvent::cwd>, "Working directory.");
}

ProcessTable&& executable_state(ProcessTable&& table) {
  return std::move(table)
      .column("exe_state", row::field<&ProcessEvent::executable_state>,
              "deleted, memfd, upper (written in its container), or empty.", HIDDEN)
      .column("args_truncated", row::field<&ProcessEvent::arguments_truncated>, "1 if the arguments were cut off.",
              HIDDEN);
}

ProcessTable&& arch(ProcessTable&& table) {
  return std::move(table).column("arch", row::field<&ProcessEvent::arch>, "Instruction set of the call: x86_64, i386…",
                                 HIDDEN);
}

}  // namespace osprey::events::tables::columns
