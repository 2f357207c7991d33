// Queries: what hosts are told to do. Saved queries, packs, file paths, options and decorators, assigned by tag,
// composed to each host's configuration.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/db/schema.h"
#include "server/hosts/host.h"

namespace osprey::server::queries {

// A configuration as it is sent; hosts with the same tags share it.
struct Composed {
  std::string etag;                               // of the text; never "ok"
  std::shared_ptr<const std::string> reply;       // the reply's body: osquery's format, with "etag"
  std::shared_ptr<const std::string> gzip_reply;  // the same, packed
};

// Thread-safe.
class Queries {
 public:
  virtual ~Queries() = default;
  // From memory, never waits; null: not composed yet, ask compose() on a worker.
  virtual std::shared_ptr<const Composed> recall(const hosts::Host& host) const = 0;
  virtual Result<std::shared_ptr<const Composed>> compose(const hosts::Host& host) = 0;
};

db::Schema schema();

}  // namespace osprey::server::queries
