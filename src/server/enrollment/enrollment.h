// Enrollment: who may become a host of the fleet, and the node keys that hosts show from then on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/db/schema.h"
#include "server/hosts/hosts.h"

namespace osprey::server::enrollment {

struct Request {
  std::string secret;
  std::string identifier;
  std::string platform_type;
  hosts::Details details;
  std::string address;
  std::string certificate;  // subject of the client's, where it has one
};

// Thread-safe.
class Enrollment {
 public:
  virtual ~Enrollment() = default;

  // Waits for the database. The node key, shown once and kept as a hash. An error's text is for the host.
  virtual Result<std::string> enroll(const Request& request, Timestamp now) = 0;

  struct Known {
    hosts::HostId host = 0;  // 0: no node key of ours, or one that was revoked
  };
  // From memory, never waits; none: memory cannot tell, ask look_up() on a worker.
  virtual std::optional<Known> recall(std::string_view node_key) const = 0;
  virtual Result<Known> look_up(std::string_view node_key) = 0;
};

db::Schema schema();

}  // namespace osprey::server::enrollment
