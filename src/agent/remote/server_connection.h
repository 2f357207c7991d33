// ServerConnection: a kept connection to the fleet's server, whose users take turns, and what the server's replies say.
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <memory>
#include <mutex>
#include <string>

#include "agent/remote/parts.h"
#include "agent/remote/secrets.h"

namespace osprey::agent {

// A request to the server; headers that all have are added.
struct ServerRequest {
  std::string method = "POST";
  std::string target;
  net::HttpHeaders headers;
  std::string_view body;
  std::chrono::seconds hold{0};  // how long the server may take besides the usual time
  bool evaluate = true;          // `node_invalid` and `error` in the reply are failures
  bool secret_reply = false;     // is not to be shown
  bool document = false;         // the reply is no JSON
};

struct ServerReply {
  boost::json::object body;
  std::string text;
  net::HttpHeaders headers;
};

// Neither error nor reason holds a secret.
struct ServerFault {
  Error error;
  bool node_invalid = false;
};

// Thread-safe.
class ServerConnection {
 public:
  ServerConnection(const RemoteParts& parts, const Secrets& secrets);

  // One try. The client is opened where there is none yet, so that what is wrong with its files can be mended while the
  // agent runs. Ends soon after `stop`, while it waits for its turn too.
  std::expected<ServerReply, ServerFault> ask(const ServerRequest& request, const Interrupt& stop);

 private:
  Result<net::HttpClientResponse> send(const ServerRequest& request, const Interrupt& stop);
  Result<std::unique_ptr<net::HttpClient>> open() const;
  ServerFault fault(const ServerRequest& request, std::string reason, bool node_invalid = false) const;
  void dump(const ServerRequest& request, std::string_view reply) const;

  const RemoteParts& parts_;
  const Secrets& secrets_;
  const std::string server_;
  const bool dumps_;
  std::timed_mutex turn_;
  std::unique_ptr<net::HttpClient> client_;
};

// Locks `mutex`, unless `stop` is ordered first: then the lock owns nothing.
std::unique_lock<std::timed_mutex> lock_unless_stopped(std::timed_mutex& mutex, const Interrupt& stop);

}  // namespace osprey::agent
