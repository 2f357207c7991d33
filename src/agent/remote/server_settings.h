// What flags say about the fleet's server and the way to it.
#pragma once

#include <string>
#include <string_view>

#include "agent/flags/flags.h"
#include "agent/program.h"
#include "base/result.h"
#include "net/http_client.h"

namespace osprey::agent {

// --tls_hostname as "https://host[:port]". Under our own name it may also begin with "http://", for a server on this
// host. Empty if the flag is.
std::string server_of(const Flags& flags);
// The path of an endpoint as requests have it: with its leading slash.
std::string path_of(std::string_view endpoint);
// `text` as it may stand in a request's target: osquery puts keys there as they are, and so do we, but for what would
// end the target.
std::string in_target(std::string_view text);
// "osprey/VERSION".
std::string user_agent_of(const Program& program);
Result<net::HttpClientOptions> client_options(const Flags& flags, const Program& program);

}  // namespace osprey::agent
