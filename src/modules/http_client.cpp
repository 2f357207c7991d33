// The module "http_client": what net/http_client.h promises, by libcurl.
#include "net/http_client.h"

#include "base/module_entry.h"

namespace osprey::net {
namespace {

Result<std::unique_ptr<HttpClient>> open(const HttpClientOptions& options) {
  return failure(options.origin, "not built yet");
}

}  // namespace
}  // namespace osprey::net

OSPREY_MODULE(osprey::net::HttpClientModule) = {.open = osprey::net::open};
