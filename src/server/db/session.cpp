#include "server/db/session.h"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "server/db/text.h"

namespace osprey::server::db {

namespace {

// A value on its way into a statement: text that is not storable is bound as its storable copy, which lives until the
// next use.
template <class Backend>
class StorableValue final : public Backend {
 public:
  using Backend::Backend;
  void pre_use(const soci::indicator* ind) override {
    void* const given = this->data_;
    if (this->type_ == soci::details::x_stdstring && (!ind || *ind == soci::i_ok)) {
      const auto& text = *static_cast<const std::string*>(given);
      if (!is_storable(text)) {
        copy_ = storable(text);
        this->data_ = &copy_;
      }
    }
    Backend::pre_use(ind);
    this->data_ = given;
  }

 private:
  std::string copy_;
};

template <class Backend>
class StorableVector final : public Backend {
 public:
  using Backend::Backend;
  void pre_use(const soci::indicator* ind) override {
    void* const given = this->data_;
    if (this->type_ == soci::details::x_stdstring) {
      copy_ = *static_cast<const std::vector<std::string>*>(given);
      for (std::string& text : copy_)
        if (!is_storable(text)) text = storable(text);
      this->data_ = &copy_;
    }
    Backend::pre_use(ind);
    this->data_ = given;
  }

 private:
  std::vector<std::string> copy_;
};

struct SqliteStatement final : soci::sqlite3_statement_backend {
  using sqlite3_statement_backend::sqlite3_statement_backend;
  soci::sqlite3_standard_use_type_backend* make_use_type_backend() override {
    return new StorableValue<soci::sqlite3_standard_use_type_backend>(*this);
  }
  soci::sqlite3_vector_use_type_backend* make_vector_use_type_backend() override {
    return new StorableVector<soci::sqlite3_vector_use_type_backend>(*this);
  }
};

struct SqliteSession final : soci::sqlite3_session_backend {
  using sqlite3_session_backend::sqlite3_session_backend;
  soci::sqlite3_statement_backend* make_statement_backend() override { return new SqliteStatement(*this); }
};

struct SqliteFactory final : soci::backend_factory {
  SqliteSession* make_session(const soci::connection_parameters& parameters) const override {
    return new SqliteSession(parameters);
  }
};

struct PostgresqlStatement final : soci::postgresql_statement_backend {
  using postgresql_statement_backend::postgresql_statement_backend;
  soci::postgresql_standard_use_type_backend* make_use_type_backend() override {
    return new StorableValue<soci::postgresql_standard_use_type_backend>(*this);
  }
  soci::postgresql_vector_use_type_backend* make_vector_use_type_backend() override {
    return new StorableVector<soci::postgresql_vector_use_type_backend>(*this);
  }
};

struct PostgresqlSession final : soci::postgresql_session_backend {
  using postgresql_session_backend::postgresql_session_backend;
  soci::postgresql_statement_backend* make_statement_backend() override {
    return new PostgresqlStatement(*this, single_row_mode_);
  }
};

struct PostgresqlFactory final : soci::backend_factory {
  PostgresqlSession* make_session(const soci::connection_parameters& parameters) const override {
    return new PostgresqlSession(parameters, false);
  }
};

}  // namespace

std::unique_ptr<soci::session> open_sqlite_session(const std::string& path) {
  static const SqliteFactory kFactory;
  return std::make_unique<soci::session>(soci::connection_parameters(kFactory, "db=\"" + path + "\""));
}

std::unique_ptr<soci::session> open_postgresql_session(const std::string& conninfo) {
  static const PostgresqlFactory kFactory;
  return std::make_unique<soci::session>(soci::connection_parameters(kFactory, conninfo));
}

PGconn* postgresql_connection(soci::session& session) {
  auto* backend = dynamic_cast<soci::postgresql_session_backend*>(session.get_backend());
  return backend ? backend->conn_ : nullptr;
}

::sqlite3* sqlite_connection(soci::session& session) {
  auto* backend = dynamic_cast<soci::sqlite3_session_backend*>(session.get_backend());
  return backend ? reinterpret_cast<::sqlite3*>(backend->conn_) : nullptr;
}

}  // namespace osprey::server::db
