#include "server/db/schema.h"

#include "server/identity/identity.h"

namespace osprey::server::identity {
namespace {

// Where a time is not known or not set it is 0; where a text is not, it is empty.
constexpr db::Migration kMigrations[] = {{.both = R"(
CREATE TABLE administrators (
  id {id},
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  password TEXT NOT NULL,
  must_change_password SMALLINT NOT NULL,
  disabled SMALLINT NOT NULL,
  totp_key TEXT NOT NULL,
  totp_on SMALLINT NOT NULL,
  totp_used BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  signed_in_at BIGINT NOT NULL);
-- Its one row is held by whoever changes roles, so that two who each take away the other's leave one administrator.
CREATE TABLE administrators_lock (changes BIGINT NOT NULL);
INSERT INTO administrators_lock (changes) VALUES (0);
CREATE TABLE recovery_codes (
  administrator BIGINT NOT NULL REFERENCES administrators (id) ON DELETE CASCADE,
  hash TEXT NOT NULL,
  PRIMARY KEY (administrator, hash));
CREATE TABLE sessions (
  id {id},
  administrator BIGINT NOT NULL REFERENCES administrators (id) ON DELETE CASCADE,
  hash TEXT NOT NULL UNIQUE,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL);
CREATE INDEX sessions_administrator ON sessions (administrator);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE TABLE api_tokens (
  id {id},
  administrator BIGINT NOT NULL REFERENCES administrators (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  scope TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL);
CREATE INDEX api_tokens_administrator ON api_tokens (administrator);
CREATE TABLE sign_in_attempts (
  bucket TEXT NOT NULL PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  locked_until_at BIGINT NOT NULL);
CREATE INDEX sign_in_attempts_last_at ON sign_in_attempts (last_at);
CREATE TABLE sign_in_addresses (
  name_key TEXT NOT NULL,
  address TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (name_key, address));
)"}};

}  // namespace

db::Schema schema() { return {"identity", kMigrations}; }

}  // namespace osprey::server::identity
