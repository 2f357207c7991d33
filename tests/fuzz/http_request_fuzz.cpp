// A connection's bytes cut into pieces by their first one: read whole and in pieces, the requests are the same, and
// what was found goes through a router.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/forwarded.h"
#include "server/http/request_reader.h"
#include "server/http/router.h"

namespace {

using namespace osprey::server::http;
using State = RequestReader::State;

constexpr std::size_t kCap = 1 << 16;

const Router& router() {
  static const Router router = [] {
    Router made;
    for (const auto* pattern : {"/", "/a/{b}", "/a/{b}/c", "/a/b/{c*}", "/{a}/b"}) {
      Route route;
      route.pattern = pattern;
      if (!made.add(std::move(route))) std::abort();
    }
    return made;
  }();
  return router;
}

void route(const RequestHead& head) {
  static const TrustedBalancers balancers = [] {
    TrustedBalancers made;
    if (!made.add("10.0.0.0/8")) std::abort();
    return made;
  }();
  if (!head.path.starts_with('/') || head.path.find('\0') != std::string::npos) std::abort();
  const auto match = router().find(head.method, head.path);
  if (!match && match.error().body.empty()) std::abort();
  balancers.client("10.1.1.1", head.header("x-forwarded-for"));
}

// What the first request holds, and what stands behind it; empty where it is refused or not whole (how early it is
// refused depends on the pieces).
std::string read(std::string_view bytes, std::size_t step) {
  std::atomic<std::int64_t> used = 0;
  BodyBudget budget(used, 4 * kCap);
  RequestReader reader;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    auto state = reader.feed(piece);
    if (state == State::has_head) {
      route(reader.request());
      state = reader.expect_body({.cap = kCap, .gzip = true, .discard = false}, budget);
    }
    if (state == State::refused) {
      if (reader.refusal().status < 400 || reader.refusal().what.empty()) std::abort();
      return {};
    }
    if (state != State::complete) continue;
    const auto& request = reader.request();
    if (request.body.size() > kCap || used > static_cast<std::int64_t>(kCap)) std::abort();
    std::string found = std::string(name_of(request.method)) + request.target + ' ' + request.body;
    for (const auto& [name, value] : request.headers) found += name + ':' + value;
    return found + '|' + reader.take_rest() + std::string(bytes);
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = read(bytes, std::string_view::npos);
  if (read(bytes, 1 + data[0] % 64) != whole) std::abort();
  return 0;
}
