// The bodies that agents send, read (compat section 6). Whoever sends them may be anybody: an error names the member
// that is not as it must be, and what can be passed over is passed over and counted.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/agents/query_source.h"
#include "server/carves/carves.h"
#include "server/enrollment/enrollment.h"

namespace osprey::server::agents {

// Everything but `node_key` is of one request's kind. A missing node key is an empty one.

// `secret_member`: the name that agents give the secret (--tls_enroll_override).
Result<enrollment::Request> read_enroll(std::string_view body, std::string_view secret_member);

struct ConfigRequest {
  std::string node_key;
  std::string etag;  // of the configuration that the agent has; empty if it has none, or does not know of etags
};
Result<ConfigRequest> read_config(std::string_view body);

// Of a distributed read: no more than the node key. No body at all counts as an empty object.
Result<std::string> read_node_key(std::string_view body);

struct LogRequest {
  std::string node_key;
  bool status = false;  // log_type: "status", else "result"
  std::vector<std::string> lines;
  std::size_t dropped = 0;  // lines that are no JSON object, or longer than `most_line`
};
Result<LogRequest> read_log(std::string_view body, std::size_t most_line);

struct WriteRequest {
  std::string node_key;
  std::vector<Answer> answers;  // by id, each once
};
Result<WriteRequest> read_write(std::string_view body);

struct CarveBegin {
  std::string node_key;
  carves::Start start;
};
Result<CarveBegin> read_carve_begin(std::string_view body);

struct CarveBlock {
  std::string node_key;  // osquery sends none
  std::string session;
  std::uint64_t block_id = 0;
  std::string data;  // decoded
};
Result<CarveBlock> read_carve_block(std::string_view body);

}  // namespace osprey::server::agents
