#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>

#include "server/tags/condition.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  boost::system::error_code failed;
  const auto value = boost::json::parse(text, failed);
  if (failed) return 0;
  if (const auto condition = osprey::server::tags::Condition::parse(value)) {
    osprey::server::hosts::Host host{.identifier = "web-1", .name = "web-1.example.test", .platform = "debian"};
    condition->holds(host);
    host.version = "5.23.0-38-ga5b14f63d";
    host.address = "fe80::1%eth0";
    host.memory = 25276510208;
    condition->holds(host);
  }
  return 0;
}
