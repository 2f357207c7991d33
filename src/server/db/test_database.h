// For tests: a fresh database for each, in both kinds. A test file says
//
//   using HostsTest = db::DatabaseTest;  // or a class of its own that derives from it
//   INSTANTIATE_TEST_SUITE_P(Databases, HostsTest, db::both_dialects(), db::dialect_name);
//   TEST_P(HostsTest, Xyz) { migrate(hosts::schema()); ... database().write(...) ... }
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/temporary_tree.h"
#include "server/db/database.h"
#include "server/db/postgresql_cluster.h"

namespace osprey::server::db {

// One for the test program, started with the first test that needs it.
inline PostgresqlCluster& test_cluster() {
  // Processes are killed here, not the machine: what the kernel has is kept.
  static PostgresqlCluster cluster(PostgresqlCluster::Settings{{"fsync", "off"},
                                                               {"max_connections", "200"},
                                                               {"shared_buffers", "64MB"},
                                                               {"deadlock_timeout", "50ms"},
                                                               {"recovery_init_sync_method", "syncfs"}});
  return cluster;
}

inline auto both_dialects() { return testing::Values(Dialect::sqlite, Dialect::postgresql); }
inline std::string dialect_name(const testing::TestParamInfo<Dialect>& info) {
  return info.param == Dialect::sqlite ? "sqlite" : "postgresql";
}

class DatabaseTest : public TemporaryTree, public testing::WithParamInterface<Dialect> {
 protected:
  DatabaseTest()
      : url(GetParam() == Dialect::sqlite ? "sqlite:" + (top / "test.db").string() : test_cluster().create_database()) {
  }

  ~DatabaseTest() override {
    database_.reset();
    if (GetParam() == Dialect::postgresql) test_cluster().give_back_database(url);
  }

  // Another server's view of the same data, or one after a restart.
  std::unique_ptr<Database> open_another(DatabaseOptions options = {}) const {
    options.url = url;
    auto opened = open(options);
    if (!opened) throw std::runtime_error(opened.error().text());
    return std::move(*opened);
  }
  Database& database() {
    if (!database_) database_ = open_another();
    return *database_;
  }
  template <class... Schemas>
  void migrate(const Schemas&... schemas) {
    const Schema list[] = {schemas...};
    if (auto done = database().migrate(list); !done) throw std::runtime_error(done.error().text());
  }

  const std::string url;

 private:
  std::unique_ptr<Database> database_;
};

}  // namespace osprey::server::db
