#include "server/agents/accept_encoding.h"

#include <optional>

#include "base/text.h"

namespace osprey::server::agents {

bool accepts_gzip(std::string_view accept_encoding) noexcept {
  std::optional<bool> named;
  bool any = false;
  while (!accept_encoding.empty()) {
    auto item = take_until(accept_encoding, ',');
    const auto coding = trim(take_until(item, ';'));
    auto weight = trim(item);
    if (weight.starts_with("q=") || weight.starts_with("Q=")) weight.remove_prefix(2);
    const bool wanted = weight.empty() || parse_double(weight).value_or(0) > 0;
    if (equal_ignoring_case(coding, "gzip") || equal_ignoring_case(coding, "x-gzip")) named = wanted;
    if (coding == "*") any = wanted;
  }
  return named.value_or(any);
}

}  // namespace osprey::server::agents
