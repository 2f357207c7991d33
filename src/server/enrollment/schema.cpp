#include "server/enrollment/enrollment.h"

namespace osprey::server::enrollment {
namespace {

// Times and limits that are not there are 0.
// enrollment_host: the machine that a host is, as it last enrolled; `copy` counts those that differ in nothing else.
// enrollment_key: a node key and the machine that was given it. `rival_hash`: the key that was given out after this one
// to what may be the same machine; using both shows that there are two.
constexpr db::Migration kMigrations[] = {{.both = R"(
CREATE TABLE enrollment_secret (
  id {id},
  name TEXT NOT NULL,
  secret TEXT NOT NULL,
  secret_hash {bytes} NOT NULL UNIQUE,
  tags TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  use_limit BIGINT NOT NULL,
  uses BIGINT NOT NULL DEFAULT 0,
  last_used_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  revoked_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX enrollment_secret_name ON enrollment_secret (name) WHERE revoked_at = 0;

CREATE TABLE enrollment_host (
  host_id BIGINT NOT NULL PRIMARY KEY,
  identifier TEXT NOT NULL,
  hardware TEXT NOT NULL,
  instance TEXT NOT NULL,
  copy BIGINT NOT NULL,
  address TEXT NOT NULL,
  secret_id BIGINT NOT NULL,
  enrolled_at BIGINT NOT NULL,
  blocked_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX enrollment_host_machine ON enrollment_host (identifier, hardware, instance, copy);
CREATE INDEX enrollment_host_blocked ON enrollment_host (hardware) WHERE blocked_at <> 0;

CREATE TABLE enrollment_key (
  key_hash {bytes} NOT NULL PRIMARY KEY,
  host_id BIGINT NOT NULL,
  hardware TEXT NOT NULL,
  instance TEXT NOT NULL,
  address TEXT NOT NULL,
  secret_id BIGINT NOT NULL,
  enrolled_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL DEFAULT 0,
  ends_at BIGINT NOT NULL DEFAULT 0,
  rival_hash {bytes},
  rival_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX enrollment_key_host ON enrollment_key (host_id);

CREATE TABLE enrollment_failure (
  id {id},
  secret TEXT NOT NULL,
  address TEXT NOT NULL,
  reason TEXT NOT NULL,
  identifier TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX enrollment_failure_kind ON enrollment_failure (secret, address, reason);
CREATE INDEX enrollment_failure_last ON enrollment_failure (last_at, id);

CREATE TABLE enrollment_conflict (
  id {id},
  identifier TEXT NOT NULL,
  host_id BIGINT NOT NULL,
  address TEXT NOT NULL,
  other_host_id BIGINT NOT NULL,
  other_address TEXT NOT NULL,
  kind TEXT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX enrollment_conflict_pair ON enrollment_conflict (host_id, other_host_id);
CREATE INDEX enrollment_conflict_last ON enrollment_conflict (last_at, id);
)"}};

}  // namespace

db::Schema schema() { return {"enrollment", kMigrations}; }

}  // namespace osprey::server::enrollment
