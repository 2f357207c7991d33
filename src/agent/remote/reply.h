// What the server's reply says of a request: judged from bytes, nothing is read or sent here.
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <string>
#include <string_view>

namespace osprey::agent {

struct ReplyRules {
  // osquery looks at the body alone: without one everything is well, whatever the HTTP status, and JSON that is no
  // object counts as an empty one. Under our own name a status that is no success is a failure, and so is such JSON.
  bool osquery_compatible = false;
  bool evaluate = true;   // `node_invalid` and `error` in it are failures
  bool document = false;  // with a status of success it is no object but a text, unless it begins as one
};

struct ReplyFault {
  std::string reason;
  bool node_invalid = false;  // the server does not know the node key
  bool too_large = false;     // it takes no body of this size
};

std::expected<boost::json::object, ReplyFault> read_reply(long status, std::string_view body, const ReplyRules& rules);

// The node key in a reply to an enrolment, which is `node_key` or `id`. One that cannot stand in a header is refused.
std::expected<std::string, ReplyFault> read_node_key(const boost::json::object& reply, bool osquery_compatible);

}  // namespace osprey::agent
