// The one form of errors of the administration API (RFC 9457, application/problem+json).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/http/message.h"

namespace osprey::server::api {

// Codes of errors (Error::code) that have a status of their own; errno's, so that they read well beside others. Those
// of db/database.h are 503 and 409; identity::kWrongCsrf is 403. Any other code is 500, and its text stays in the log.
inline constexpr int kInvalid = 22;    // EINVAL: 422, the request says something that cannot be
inline constexpr int kNotFound = 2;    // ENOENT: 404
inline constexpr int kForbidden = 13;  // EACCES: 403
inline constexpr int kConflict = 16;   // EBUSY: 409, not as things stand now
inline constexpr int kGone = 61;       // ENODATA: 410
inline constexpr int kTooMany = 11;    // EAGAIN: 429

// `where`: what it is about ("tag 12", "query"); `what`: what is wrong and what to do.
std::unexpected<Error> problem(int code, std::string where, std::string what);

// A fault in the body or a parameter.
struct Fault {
  std::string pointer;  // JSON pointer (RFC 6901) into the body; a parameter's is "/NAME" likewise
  std::string message;
};

// A member's name as it stands in a JSON pointer.
std::string pointer_token(std::string_view name);

http::Response problem_response(unsigned status, std::string_view detail, const std::vector<Fault>& faults = {});
http::Response problem_response(const Error& error);

}  // namespace osprey::server::api
