#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/carve/carve.h"
#include "agent/distributed/read_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::agent;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  boost::system::error_code error;
  const auto parsed = boost::json::parse(text, error);
  if (error || !parsed.is_object()) return 0;
  const auto reply = parse_read_reply(parsed.get_object());
  for (const auto& query : reply.queries)
    if (query.discovery_fault && query.fault.empty()) __builtin_trap();
  if (reply.accelerate && reply.accelerate->count() < 0) __builtin_trap();
  // What the store holds of a carve is read back as it was written.
  if (const auto carve = parse_carve(text); carve && parse_carve(encode(*carve)) != carve) __builtin_trap();
  return 0;
}
