// The seed of TLS session tickets: with it and the certificate's private key every server on one database makes the
// same ticket keys (http/tls_context.h), so that a host resumes its session at whichever its balancer chooses, and
// after a restart. Without the private key the seed opens nothing; once it has been replaced, the private key does not
// open what was said before either.
#pragma once

#include <string>

#include "server/db/database.h"
#include "server/time.h"

namespace osprey::server {

inline constexpr std::int64_t kTicketSeedMs = 12LL * 3600 * 1000;

// The one there is, or a new one where that is older than kTicketSeedMs: then sessions begin anew, once.
Result<std::string> ticket_seed(db::Database& database, Timestamp now);

db::Schema ticket_seed_schema();

}  // namespace osprey::server
