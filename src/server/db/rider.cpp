#include "server/db/rider.h"

namespace osprey::server::db {
namespace {

thread_local Rider* waiting = nullptr;

}  // namespace

Rider::Rider(Board board) : board_(std::move(board)) { waiting = this; }

Rider::~Rider() { waiting = nullptr; }

Result<void> Rider::board(Transaction& transaction) {
  if (waiting == nullptr || waiting->arrived_) return {};
  return waiting->board_(transaction);
}

void Rider::arrive() noexcept {
  if (waiting != nullptr) waiting->arrived_ = true;
}

}  // namespace osprey::server::db
