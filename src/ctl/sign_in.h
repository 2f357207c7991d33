// Signing in by password: for what no token may do.
#pragma once

#include <string>

#include "ctl/api.h"

namespace osprey::ctl {

// What is empty is asked for on the terminal; the code only where the server wants one.
struct Credentials {
  std::string user;
  std::string password_file;  // "-": standard input
  std::string code;
};

// `api` goes on as a session. Returns the password: changes of the account ask for it again.
Result<std::string> sign_in(Api& api, const Credentials& credentials);

// After `response`, which gave the session another secret, `api` goes on with that; what /me tells.
Result<json::value> renew_session(Api& api, const net::HttpClientResponse& response);

}  // namespace osprey::ctl
