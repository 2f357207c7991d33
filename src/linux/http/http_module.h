// What the module "http" (libcurl) does for the program; opened by base/module.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/result.h"

namespace osprey::linux {

struct HttpRequest {
  std::string url;
  std::string user_agent;
  std::chrono::milliseconds timeout{10'000};  // for the whole exchange, redirects among it
  std::size_t body_cap = 4 << 20;
  bool redirects = true;  // false: an answer that leads elsewhere is the answer
};

struct HttpResponse {
  long status = 0;
  std::chrono::microseconds round_trip{};  // from the first look-up of a name to the last byte
  std::string body;
  bool truncated = false;  // the body went on beyond the cap; what follows was not read
};

// No proxy, no cookie, no credential of the environment is used. Every call ends soon after an interrupt.
struct HttpModule {
  static constexpr std::string_view kName = "http";

  // GETs a http or https URL, following redirects if wanted; an https server must be vouched for by the system's
  // authorities.
  Result<HttpResponse> (*get)(const HttpRequest&, const Interrupt&);

  // The certificate (PEM) that a TLS server shows to whom calls it `host`, a name or an address (IPv6 in brackets).
  // Nothing is verified, the oldest protocols will do: it is about seeing it.
  Result<std::string> (*server_certificate)(const std::string& host, std::uint16_t port,
                                            std::chrono::milliseconds timeout, const Interrupt&);
};

}  // namespace osprey::linux
