#include "server/tags/tags.h"

namespace osprey::server::tags {
namespace {

constexpr db::Migration kMigrations[] = {
    {.both = R"(
CREATE TABLE tags (
  id {id},
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  rank BIGINT NOT NULL,
  query TEXT NOT NULL DEFAULT '',
  condition TEXT NOT NULL DEFAULT '',
  revision BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);

-- One row, whose lock puts changes of rules in order: who has seen a revision has seen those before it.
CREATE TABLE tag_revision (revision BIGINT NOT NULL);
INSERT INTO tag_revision (revision) VALUES (0);

CREATE TABLE tag_rounds (
  host_id BIGINT PRIMARY KEY,
  ended_at BIGINT NOT NULL,
  revision BIGINT NOT NULL
);

CREATE TABLE tag_faults (
  tag_id BIGINT NOT NULL,
  host_id BIGINT NOT NULL,
  failed_at BIGINT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (tag_id, host_id)
);
CREATE INDEX tag_faults_of ON tag_faults (host_id);
)",
     .postgresql = "ALTER TABLE tag_rounds SET (fillfactor = 50);"},
};

}  // namespace

db::Schema schema() { return {.slice = "tags", .migrations = kMigrations}; }

}  // namespace osprey::server::tags
