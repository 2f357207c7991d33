// IoThread: one thread with its own listening socket and all connections that come by it.
#pragma once

#include <functional>
#include <memory>

#include "base/unique_fd.h"
#include "server/http/connection.h"

namespace osprey::server::http {

class IoThread {
 public:
  // Runs at once. `listening` is non-blocking.
  IoThread(Shared& shared, UniqueFd listening, std::size_t connections);
  ~IoThread();  // finish()

  // From any thread: no new connections, and those that are there end with what they are at.
  void wind_down();
  // Ends every connection and the thread.
  void finish();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace osprey::server::http
