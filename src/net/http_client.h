// HttpClient: requests to one HTTP server over one kept connection. The module "http_client" (libcurl; base/module.h)
// does it for the program.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"

namespace osprey::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpClientOptions {
  std::string origin;  // "https://host[:port]"; "http://" only where the host is a loopback address or localhost
  std::string user_agent;
  std::string authorities;  // PEM file of those who may vouch for the server; empty: the system's
  std::string certificate;  // PEM files of what we show of ourselves; both empty: nothing
  std::string key;
  std::string proxy;       // "host[:port]" of a CONNECT proxy, port 3128; empty: none, the environment's least
  bool keep_alive = true;  // false: a connection for each request
  std::chrono::seconds connection_age{0};  // after which the connection is made anew; 0: never
  bool accept_gzip = false;
  std::size_t body_cap = 16 << 20;  // bytes of a reply, unpacked; more is an error
  unsigned redirects = 10;          // followed within the origin only: headers hold a secret
};

struct HttpClientRequest {
  std::string method = "POST";
  std::string target;   // path and query
  HttpHeaders headers;  // without those that the client makes itself (Host, User-Agent, Content-Length)
  std::string_view body;
  std::chrono::milliseconds timeout{16'000};  // for the whole exchange
  std::function<void()> waiting = {};         // called several times a second until it ends, if there is one
};

struct HttpClientResponse {
  long status = 0;
  HttpHeaders headers;  // names in lower case
  std::string body;
  // The value of `name` (lower case), empty if there is none.
  std::string_view header(std::string_view name) const noexcept;
};

// Belongs to one thread at a time. What fails leaves it usable: the next request connects anew.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Ends soon after `stop` is requested, with an error. Any status is an answer, not an error.
  virtual Result<HttpClientResponse> send(const HttpClientRequest& request, const Interrupt& stop) = 0;
  // The same, with the body handed over as it comes, until `take` returns false (which is no error). A timeout of 0: as
  // long as it lasts. `body` of the response stays empty unless the status is an error's (400 and above).
  virtual Result<HttpClientResponse> stream(const HttpClientRequest& request,
                                            const std::function<bool(std::string_view)>& take,
                                            const Interrupt& stop) = 0;
};

struct HttpClientModule {
  static constexpr std::string_view kName = "http_client";
  // Connects with the first request. Files that cannot be read are an error.
  Result<std::unique_ptr<HttpClient>> (*open)(const HttpClientOptions&);
};

}  // namespace osprey::net
