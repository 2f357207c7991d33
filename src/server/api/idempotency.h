// Idempotency keys: a request that makes something, sent again with the same key, makes nothing again and is answered
// as it was the first time, for a day.
//
// That a key is used is written in the transaction that makes the thing (db/rider.h): neither is there without the
// other, whatever dies in between and whichever servers are asked at the same moment. The answer is written after that.
// It may hold a secret that the server itself keeps only the hash of, so it is encrypted with the key, which the
// database does not have either.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "server/db/database.h"
#include "server/http/message.h"
#include "server/identity/caller.h"
#include "server/time.h"

namespace osprey::server::api {

inline constexpr std::int64_t kIdempotencyMs = 24LL * 60 * 60 * 1000;
inline constexpr std::size_t kMostIdempotencyKey = 255;

// Answers with `run`, or with what it answered the first time. Another request with the same key is 422; one whose
// first is still running, or whose answer was lost with its server, is 409.
http::Response once(db::Database& database, const identity::Caller& caller, std::string_view key,
                    const http::Request& request, Timestamp now, const std::function<http::Response()>& run);

db::Schema schema();

}  // namespace osprey::server::api
