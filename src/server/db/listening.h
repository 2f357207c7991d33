// Listening: callbacks for somebody who may end before those who call.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "server/db/database.h"

namespace osprey::server::db {

// A member of whoever listens, declared last: once it is gone no callback runs, nor will. They run one at a time and
// must not wait.
class Listening {
 public:
  // What does the same as `call` as long as this is there.
  template <class F>
  auto while_there(F call) const {
    return [state = state_, call = std::move(call)](const auto&... what) {
      const std::scoped_lock lock(state->mutex);
      if (!state->ended) call(what...);
    };
  }
  void listen(Database& database, std::string channel, Database::OnMessage on_message, std::function<void()> on_gap) {
    database.listen(std::move(channel), while_there(std::move(on_message)), while_there(std::move(on_gap)));
  }
  ~Listening() {
    const std::scoped_lock lock(state_->mutex);
    state_->ended = true;
  }
  Listening() = default;
  Listening(const Listening&) = delete;

 private:
  struct State {
    std::mutex mutex;
    bool ended = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace osprey::server::db
