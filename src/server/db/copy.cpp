#include "server/db/copy.h"

#include <libpq-fe.h>
#include <soci/postgresql/soci-postgresql.h>

#include <memory>

#include "server/db/session.h"

namespace osprey::server::db {

namespace {

constexpr std::size_t kPiece = 256 << 10;

[[noreturn]] void fail(PGconn* connection, const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  throw soci::postgresql_soci_error(message ? message : PQerrorMessage(connection), state ? state : "     ");
}

}  // namespace

CopyIn::CopyIn(soci::session& sql, const std::string& target) : connection_(postgresql_connection(sql)) {
  const std::string statement = "COPY " + target + " FROM STDIN (FORMAT binary)";
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection_, statement.c_str()), &PQclear);
  if (PQresultStatus(result.get()) != PGRES_COPY_IN) fail(connection_, result.get());
  open_ = true;
  buffer_.reserve(kPiece + (kPiece >> 2));
  buffer_.assign("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
}

CopyIn::~CopyIn() {
  if (!open_) return;
  PQputCopyEnd(connection_, "given up");
  while (PGresult* result = PQgetResult(connection_)) PQclear(result);
}

void CopyIn::put(std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) buffer_ += static_cast<char>(value >> shift);
}

void CopyIn::row(int values) {
  if (buffer_.size() >= kPiece) flush();
  put(static_cast<std::uint64_t>(values), 2);
}

void CopyIn::smallint(std::int16_t value) {
  put(2, 4);
  put(static_cast<std::uint64_t>(value), 2);
}

void CopyIn::integer(std::int32_t value) {
  put(4, 4);
  put(static_cast<std::uint64_t>(value), 4);
}

void CopyIn::bigint(std::int64_t value) {
  put(8, 4);
  put(static_cast<std::uint64_t>(value), 8);
}

void CopyIn::text(std::string_view storable) {
  put(storable.size(), 4);
  buffer_ += storable;
}

void CopyIn::null() { put(UINT64_MAX, 4); }

void CopyIn::flush() {
  if (PQputCopyData(connection_, buffer_.data(), static_cast<int>(buffer_.size())) != 1) fail(connection_, nullptr);
  buffer_.clear();
}

void CopyIn::end() {
  put(UINT64_MAX, 2);
  flush();
  open_ = false;
  if (PQputCopyEnd(connection_, nullptr) != 1) fail(connection_, nullptr);
  std::unique_ptr<PGresult, decltype(&PQclear)> failed(nullptr, &PQclear);
  while (PGresult* result = PQgetResult(connection_)) {
    if (PQresultStatus(result) == PGRES_COMMAND_OK || failed)
      PQclear(result);
    else
      failed.reset(result);
  }
  if (failed) fail(connection_, failed.get());
}

}  // namespace osprey::server::db
