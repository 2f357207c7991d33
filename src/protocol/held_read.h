// How a distributed read is held open, ours on top of osquery's TLS API: with each answer to one the server says in
// this header for how many seconds it would hold the next; an agent that wants that sends the header itself with the
// seconds it is ready to wait, and gets its answer as soon as a query is there for it, or an empty one after that time.
// Who does not know the header (osquery, its servers) polls.
#pragma once

#include <string_view>

namespace osprey::protocol {

inline constexpr std::string_view kHeldReadHeader = "Osprey-Held-Read";

}  // namespace osprey::protocol
