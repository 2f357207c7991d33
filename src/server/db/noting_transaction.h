// The transaction as both databases hand it to work: notifications are kept until the commit.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/db/database.h"

namespace osprey::server::db {

class NotingTransaction final : public Transaction {
 public:
  explicit NotingTransaction(soci::session& sql) : sql_(sql) {}
  soci::session& sql() override { return sql_; }
  void notify(std::string channel, std::string payload) override {
    notifications.push_back({std::move(channel), std::move(payload)});
  }
  std::vector<Notification> notifications;

 private:
  soci::session& sql_;
};

// Refuses what a Notification must not be.
Result<void> check(const Notification& notification);

}  // namespace osprey::server::db
