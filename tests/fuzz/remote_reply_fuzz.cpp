// What a server replies to the agent: the first byte is the HTTP status, the rest the body.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/remote/reply.h"
#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::agent;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const long status = 100 + data[0] * 2;
  for (const bool osquery : {false, true}) {
    for (const bool evaluate : {false, true}) {
      const auto reply = read_reply(status, body, {.osquery_compatible = osquery, .evaluate = evaluate});
      if (!reply) {
        if (reply.error().reason.empty() || reply.error().reason.size() > 2000) std::abort();
        if (!osprey::is_valid_utf8(reply.error().reason)) std::abort();
        continue;
      }
      const auto key = read_node_key(*reply, osquery);
      if (key && (key->empty() || key->find_first_of("\r\n") != key->npos)) std::abort();
    }
  }
  return 0;
}
