#include "ctl/sign_in.h"

#include "base/text.h"
#include "ctl/files.h"
#include "ctl/terminal.h"

namespace osprey::ctl {
namespace {

// A session of the API's: cookie and CSRF token.
net::HttpHeaders session_of(const net::HttpClientResponse& response, std::string_view csrf) {
  const auto cookie = response.header("set-cookie");
  return {{"Cookie", std::string(cookie.substr(0, cookie.find(';')))}, {"X-CSRF-Token", std::string(csrf)}};
}

Result<std::string> password_from(const std::string& file) {
  if (file.empty()) return ask("password:", true);
  const auto text = TRY(read_file(file));
  return std::string(*Lines(text).begin());
}

}  // namespace

Result<std::string> sign_in(Api& api, const Credentials& credentials) {
  const auto user = credentials.user.empty() ? TRY(ask("user:", false)) : credentials.user;
  auto password = TRY(password_from(credentials.password_file));
  json::object body{{"name", user}, {"password", password}};
  if (!credentials.code.empty()) body["code"] = credentials.code;
  for (bool again = false;; again = true) {
    const json::value sent = body;
    const auto response = TRY(api.exchange("POST", "/api/v1/sign_in", &sent));
    if (response.status >= 300) {
      auto error = problem_of(response);
      error.message = std::string(*Lines(error.message).begin());
      return std::unexpected(std::move(error));
    }
    boost::system::error_code failed;
    const auto answer = json::parse(response.body, failed);
    if (failed) return failure("the server's answer", "is no JSON: is this an osprey server?");
    if (!truth_at(answer, "code_wanted")) {
      api.set_credentials(session_of(response, text_at(answer, "csrf_token")));
      return password;
    }
    if (again) return failure("code", "is not the right one");
    body["code"] = TRY(ask("code of the authenticator:", false));
  }
}

Result<json::value> renew_session(Api& api, const net::HttpClientResponse& response) {
  api.set_credentials(session_of(response, ""));
  auto me = TRY(api.get("/api/v1/me"));
  api.set_credentials(session_of(response, text_at(me, "csrf_token")));
  return me;
}

}  // namespace osprey::ctl
