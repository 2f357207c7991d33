#include "server/hosts/hosts.h"

namespace osprey::server::hosts {
namespace {

constexpr db::Migration kMigrations[] = {
    // The columns of facts are named as facts.cpp names them.
    {.both = R"(
CREATE TABLE hosts (
  id {id},
  identifier TEXT NOT NULL,
  name TEXT NOT NULL DEFAULT '',
  platform TEXT NOT NULL DEFAULT '',
  version TEXT NOT NULL DEFAULT '',
  uuid TEXT NOT NULL DEFAULT '',
  instance TEXT NOT NULL DEFAULT '',
  os TEXT NOT NULL DEFAULT '',
  os_version TEXT NOT NULL DEFAULT '',
  platform_like TEXT NOT NULL DEFAULT '',
  arch TEXT NOT NULL DEFAULT '',
  kernel TEXT NOT NULL DEFAULT '',
  vendor TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '',
  serial TEXT NOT NULL DEFAULT '',
  cpu TEXT NOT NULL DEFAULT '',
  address TEXT NOT NULL DEFAULT '',
  cpus BIGINT NOT NULL DEFAULT 0,
  memory BIGINT NOT NULL DEFAULT 0,
  promise BIGINT NOT NULL DEFAULT 0,
  enrolled_at BIGINT NOT NULL,
  enrolled_again_at BIGINT NOT NULL,
  details_at BIGINT NOT NULL DEFAULT 0
);

-- Apart from the rest and without an index on a time: it changes all the time, and so does in place.
CREATE TABLE host_seen (
  host_id BIGINT PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  enroll_first_at BIGINT NOT NULL DEFAULT 0,
  enroll_at BIGINT NOT NULL DEFAULT 0,
  config_first_at BIGINT NOT NULL DEFAULT 0,
  config_at BIGINT NOT NULL DEFAULT 0,
  distributed_first_at BIGINT NOT NULL DEFAULT 0,
  distributed_at BIGINT NOT NULL DEFAULT 0,
  log_first_at BIGINT NOT NULL DEFAULT 0,
  log_at BIGINT NOT NULL DEFAULT 0,
  carve_first_at BIGINT NOT NULL DEFAULT 0,
  carve_at BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE host_enrolments (
  id {id},
  host_id BIGINT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  enrolled_at BIGINT NOT NULL,
  identifier TEXT NOT NULL,
  name TEXT NOT NULL,
  platform TEXT NOT NULL,
  os_version TEXT NOT NULL,
  version TEXT NOT NULL
);
CREATE INDEX host_enrolments_of ON host_enrolments (host_id, id);

CREATE TABLE host_details (
  host_id BIGINT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  query TEXT NOT NULL,
  answer {json} NOT NULL,
  changed_at BIGINT NOT NULL,
  failed_at BIGINT NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (host_id, query)
);

CREATE TABLE host_troubles (
  host_id BIGINT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  query TEXT NOT NULL,
  denylisted SMALLINT NOT NULL,
  overdue SMALLINT NOT NULL,
  expensive SMALLINT NOT NULL,
  every_seconds BIGINT NOT NULL,
  runs BIGINT NOT NULL,
  run_at BIGINT NOT NULL,
  wall_ms BIGINT NOT NULL,
  cpu_ms BIGINT NOT NULL,
  memory BIGINT NOT NULL,
  PRIMARY KEY (host_id, query)
);
CREATE INDEX host_troubles_of ON host_troubles (query, host_id);

CREATE TABLE host_tags (
  host_id BIGINT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  tag_id BIGINT NOT NULL,
  origin SMALLINT NOT NULL,
  since_at BIGINT NOT NULL,
  PRIMARY KEY (host_id, tag_id, origin)
);
CREATE INDEX host_tags_of ON host_tags (tag_id, host_id);
)",
     .postgresql = "ALTER TABLE host_seen SET (fillfactor = 50);"},
    {.both = "ALTER TABLE host_seen ADD COLUMN configuration TEXT NOT NULL DEFAULT '';"},
};

}  // namespace

db::Schema schema() { return {.slice = "hosts", .migrations = kMigrations}; }

}  // namespace osprey::server::hosts
