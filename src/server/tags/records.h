// The tags' rows in the database. All throw soci::soci_error; the database turns it into an error.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/tags/service.h"

namespace osprey::server::tags {

std::vector<Tag> load_tags(soci::session& sql);
// Of a rule; other changes of rules wait until the transaction ends.
std::int64_t next_revision(soci::session& sql);

TagId insert_tag(soci::session& sql, const Tag& tag);
// False: there is none.
bool update_tag(soci::session& sql, const Tag& tag);
bool delete_tag(soci::session& sql, TagId tag);

// When a host had last answered all rules, and as they were at which revision.
struct Round {
  hosts::HostId host = 0;
  Timestamp ended;
  std::int64_t revision = 0;
};
void write_round(soci::session& sql, const Round& round);
std::vector<Round> load_rounds(soci::session& sql);

void write_fault(soci::session& sql, const Fault& fault);
void delete_faults(soci::session& sql, hosts::HostId host, std::span<const TagId> tags);
std::vector<Fault> load_faults_of_tag(soci::session& sql, TagId tag, hosts::HostId after, std::int64_t limit);
std::vector<Fault> load_faults_of_host(soci::session& sql, hosts::HostId host);
std::int64_t count_faults(soci::session& sql, TagId tag);

void forget_host(soci::session& sql, hosts::HostId host);

}  // namespace osprey::server::tags
