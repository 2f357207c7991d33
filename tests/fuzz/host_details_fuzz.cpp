#include <cstddef>
#include <cstdint>

#include "server/hosts/facts.h"
#include "server/hosts/messages.h"
#include "server/hosts/query_health.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::server::hosts;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto rows = parse_rows(text)) {
    troubles_in(*rows);
    for (const auto& row : *rows) {
      Host host{.identifier = "host"};
      for (const auto* table : {"os_version", "osquery_info", "system_info", "kernel_info"})
        take_over(host, table, row);
      promise_of(row);
      for (const auto& [name, value] : row) {
        compare(Order::version, name, value);
        compare(Order::address, name, value);
      }
    }
  }
  if (const auto message = read_message(text)) {
    sightings_of(*message);
    payloads(*message);
  }
  return 0;
}
