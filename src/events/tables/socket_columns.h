// What socket_events and bpf_socket_events share.
#pragma once

#include "events/tables/table.h"

namespace osprey::events::tables::columns {

using SocketTable = TableBuilder<EventRow<SocketEvent>>;

SocketTable&& socket_descriptor(SocketTable&& table);
SocketTable&& address_family(SocketTable&& table);
// Both sides'.
SocketTable&& addresses(SocketTable&& table);
SocketTable&& community_id(SocketTable&& table);

}  // namespace osprey::events::tables::columns
