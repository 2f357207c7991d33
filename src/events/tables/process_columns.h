// What process_events and bpf_process_events share.
#pragma once

#include "events/tables/table.h"

namespace osprey::events::tables::columns {

using ProcessTable = TableBuilder<EventRow<ProcessEvent>>;

ProcessTable&& working_directory(ProcessTable&& table);
// What is to be said of the program and its arguments.
ProcessTable&& executable_state(ProcessTable&& table);
ProcessTable&& arch(ProcessTable&& table);

}  // namespace osprey::events::tables::columns
