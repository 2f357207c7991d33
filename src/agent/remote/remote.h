// Remote: requests to the fleet's server as osquery's TLS API has them (compat section 6): enrolled, with the node key
// in header and body, evaluated, tried again. Two connections at most: one for short requests, which take turns, one
// for the read that the server may hold.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>

#include "base/interrupt.h"
#include "base/result.h"

namespace osprey::agent {

// Code of an error (EMSGSIZE): the server takes no body of this size, so that sending it again is of no use.
inline constexpr int kBodyTooLarge = 90;

struct RemoteRequest {
  std::string endpoint;   // path on the server
  std::string members;    // of the body's object, as JSON text without braces and node key: "\"log_type\":\"result\",…"
  bool compress = false;  // gzip the body
  bool node_key_in_body = true;
  bool evaluate = true;          // `node_invalid` and `error` in the reply are failures (compat section 6.1)
  unsigned attempts = 1;         // n² seconds between two; under our own name half to half as much again
  std::chrono::seconds hold{0};  // for how long the server may hold its answer (protocol/held_read.h)
  bool node_key_first = false;   // in the body, before `members`; also with --tls_node_api, which else leaves it out
  bool fetches = false;          // says nothing but who asks: a GET with --tls_node_api
  bool document = false;         // the reply is no JSON: it is `text` of it, and `body` stays empty
};

struct RemoteReply {
  boost::json::object body;              // empty if the reply was
  std::chrono::seconds offered_hold{0};  // what the server would hold the next read for; 0: it does not
  std::string text;                      // the reply as it came
};

// Thread-safe.
class Remote {
 public:
  virtual ~Remote() = default;
  // Enrols first where there is no node key yet. Ends soon after `stop`.
  virtual Result<RemoteReply> send(const RemoteRequest& request, const Interrupt& stop) = 0;
};

}  // namespace osprey::agent
