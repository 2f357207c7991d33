// What the server answers to a distributed read (compat section 6.6).
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace osprey::agent {

struct AskedQuery {
  std::string id;
  std::string sql;
  std::optional<std::string> discovery;  // the query is for this host only if this one has a row
  std::string fault;                     // why it cannot be run; empty: nothing
  bool discovery_fault = false;          // and that is its discovery query's

  bool operator==(const AskedQuery&) const = default;
};

struct ReadReply {
  std::vector<AskedQuery> queries;  // in the reply's order
  std::optional<std::chrono::seconds> accelerate;
  std::string fault;  // what of the reply was no use; empty: nothing

  bool operator==(const ReadReply&) const = default;
};

// Takes what is usable of any object.
ReadReply parse_read_reply(const boost::json::object& reply);

}  // namespace osprey::agent
