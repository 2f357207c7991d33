// Listening: messages of the database for somebody who may end before it does.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "server/db/database.h"

namespace osprey::server::db {

// A member of whoever listens, declared last: once it is gone no callback runs, nor will.
class Listening {
 public:
  void listen(Database& database, std::string channel, Database::OnMessage on_message, std::function<void()> on_gap) {
    database.listen(
        std::move(channel),
        [state = state_, call = std::move(on_message)](const std::string& payload) {
          const std::scoped_lock lock(state->mutex);
          if (!state->ended) call(payload);
        },
        [state = state_, call = std::move(on_gap)] {
          const std::scoped_lock lock(state->mutex);
          if (!state->ended) call();
        });
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
