// Carves: files that hosts were asked for, uploaded in blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/db/schema.h"
#include "server/hosts/host.h"
#include "server/time.h"

namespace osprey::server::carves {

struct Start {
  std::uint64_t block_count = 0;
  std::uint64_t block_size = 0;
  std::uint64_t carve_size = 0;
  std::string carve_id;
  std::string request_id;
};

// Thread-safe; waits for database and disk.
class Carves {
 public:
  virtual ~Carves() = default;
  // The session id, unguessable: blocks of older agents show nothing else.
  virtual Result<std::string> begin(hosts::HostId host, const Start& start, Timestamp now) = 0;
  // `data`: the block's bytes, decoded. Once it returns, the block is durable. The same block again is no error.
  virtual Result<void> block(std::string_view session, std::uint64_t block_id, std::string_view data,
                             Timestamp now) = 0;
};

db::Schema schema();

}  // namespace osprey::server::carves
