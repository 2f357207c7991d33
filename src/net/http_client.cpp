#include "net/http_client.h"

#include <algorithm>

namespace osprey::net {

std::string_view HttpClientResponse::header(std::string_view name) const noexcept {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string_view() : found->second;
}

}  // namespace osprey::net
