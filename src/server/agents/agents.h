// Agents: what osquery's agents and ours say to the server, on the wire of osquery's TLS API (compat section 6) and on
// the paths of the servers that they may have been set up for. Who they are is told by the node key alone. A refusal
// always has a text in "error", since agents take an empty answer for yes whatever its status.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/agents/counts.h"
#include "server/agents/query_source.h"
#include "server/http/router.h"
#include "server/services.h"

namespace osprey::server::agents {

struct Options {
  std::chrono::seconds hold{55};                // for which a distributed read is held open at most; 0: never
  std::size_t held = 200'000;                   // reads held at a time; further ones are answered at once
  std::size_t log_body = 40 << 20;              // bytes of a log request, unpacked; more is 413
  std::size_t write_body = 40 << 20;            // of a distributed write; our agents keep 32 MB of answers
  std::size_t carve_body = 16 << 20;            // of a carve's block, in base64
  std::size_t line = 1 << 20;                   // of a log line; longer ones are dropped and counted
  std::string secret_member = "enroll_secret";  // agents' --tls_enroll_override
};

// Thread-safe. Outlives the listener.
class Agents : public HeldReads {
 public:
  // For each of the agents' paths.
  virtual std::vector<http::Route> routes() = 0;
  virtual const Counts& counts() const = 0;
  virtual std::size_t held() const = 0;  // reads, now
};

// `services`, of which hosts, enrollment, queries, results and carves are used, and the sources outlive it. `to_worker`
// (http::Listener::post) is called from the first request on.
std::unique_ptr<Agents> make(const Services& services, std::vector<QuerySource*> sources,
                             std::function<void(std::function<void()>)> to_worker, const Options& options);

// Adds the routes of `agents`, which outlives the router.
Result<void> mount(http::Router& router, Agents& agents);

// {"error":what}.
http::Response refusal(unsigned status, std::string_view what);

}  // namespace osprey::server::agents
