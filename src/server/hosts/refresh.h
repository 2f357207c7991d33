// A refresh: what one host answered about itself, on its way into the database.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/agents/query_source.h"
#include "server/db/database.h"
#include "server/hosts/detail_queries.h"
#include "server/hosts/facts.h"
#include "server/hosts/query_health.h"

namespace osprey::server::hosts {

constexpr std::size_t kMostAnswer = 256 * 1024;  // rows of one detail query, as JSON

struct Refresh {
  struct Part {
    std::string_view query;
    std::string rows;  // JSON
    std::vector<Row> parsed;
    std::string error;  // why there are no rows
    bool failed() const { return !error.empty(); }
  };
  HostId host = 0;
  std::vector<Part> parts;
  Timestamp at;
  std::size_t bytes() const noexcept;
};

Refresh::Part part_of(agents::Answer answer, const DetailQuery& query);

// Writes what the hosts `ids` (ascending, each once) answered; they are held until the transaction ends, and those that
// are gone are passed over. Returns whose facts have changed. Throws soci::soci_error.
std::vector<HostId> write_refreshes(soci::session& sql, db::Dialect dialect, std::span<const Refresh> items,
                                    std::span<const HostId> ids, const HealthRule& rule);

}  // namespace osprey::server::hosts
