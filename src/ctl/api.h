// Api: the server's administration API, with its errors in words.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "net/http_client.h"

namespace osprey::ctl {

namespace json = boost::json;

using Parameters = std::vector<std::pair<std::string, std::string>>;

// "/api/v1" and the segments, which are encoded; then the parameters that are not empty.
std::string path_of(std::initializer_list<std::string_view> segments, const Parameters& parameters = {});

// A problem (RFC 9457) in words, its faults on lines of their own. An answer 404 is an error with absent().
Error problem_of(const net::HttpClientResponse& response);

// Members of answers; empty where they are missing or something else.
std::string_view text_at(const json::value& object, std::string_view name);
std::int64_t number_at(const json::value& object, std::string_view name);
bool truth_at(const json::value& object, std::string_view name);
const json::value& member_at(const json::value& object, std::string_view name);
// "items" of a page, or the array itself.
const json::array& items_of(const json::value& answer);
// They refer to their argument.
const json::value& member_at(json::value&&, std::string_view) = delete;
const json::array& items_of(json::value&&) = delete;

// Belongs to one thread.
class Api {
 public:
  // How requests show who asks: {"Authorization", "Bearer …"}. `stop` outlives it.
  Api(std::unique_ptr<net::HttpClient> client, net::HttpHeaders credentials, const Interrupt& stop)
      : client_(std::move(client)), credentials_(std::move(credentials)), stop_(&stop) {}

  Result<json::value> get(const std::string& target) { return call("GET", target, nullptr); }
  Result<json::value> post(const std::string& target, const json::value& body = json::object{}) {
    return call("POST", target, &body);
  }
  Result<json::value> put(const std::string& target, const json::value& body) { return call("PUT", target, &body); }
  Result<json::value> patch(const std::string& target, const json::value& body) { return call("PATCH", target, &body); }
  Result<void> remove(const std::string& target) {
    TRY(call("DELETE", target, nullptr));
    return {};
  }

  // Every element of a list, page by page, until `take` returns false.
  Result<void> each(std::initializer_list<std::string_view> path, Parameters parameters,
                    const std::function<bool(const json::value&)>& take);
  // The body as it comes. `waiting` is called several times a second until it ends.
  Result<void> stream(const std::string& target, const std::function<bool(std::string_view)>& take,
                      const std::function<void()>& waiting = {});

  // One answer as it is, headers too.
  Result<net::HttpClientResponse> exchange(const std::string& method, const std::string& target,
                                           const json::value* body);
  void set_credentials(net::HttpHeaders credentials) { credentials_ = std::move(credentials); }
  // From now on this one ends what waits: after an interrupt, for what still has to be said.
  void set_stop(const Interrupt& stop) { stop_ = &stop; }

 private:
  Result<json::value> call(const std::string& method, const std::string& target, const json::value* body);
  // A server that has too much to do says when to come again.
  Result<bool> wait_as_told(const net::HttpClientResponse& response, int tries);

  std::unique_ptr<net::HttpClient> client_;
  net::HttpHeaders credentials_;
  const Interrupt* stop_;
};

}  // namespace osprey::ctl
