// Results: the lines that hosts log, kept for searching and export.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/db/database.h"
#include "server/time.h"

namespace osprey::server::results {

// What one host sent in one log request, as it came: each line a JSON object's text.
struct LogBatch {
  std::int64_t host = 0;
  bool status = false;  // status lines, else results
  Timestamp received;   // by the server's clock; the lines carry the host's own
  std::vector<std::string> lines;
  std::size_t bytes() const noexcept;
};

// Thread-safe.
class Results {
 public:
  virtual ~Results() = default;
  // Calls `done` once the lines are durable, or with an error: nothing of the batch is kept and the host is to send it
  // again. False: too much is waiting, the host is to come again later; `done` is not called.
  virtual bool store(LogBatch batch, std::function<void(const Result<void>&)> done) = 0;
};

db::Schema schema();

}  // namespace osprey::server::results
