#include "linux/netlink/rtnetlink.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::linux;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (const auto message = take_message(rest)) {
    parse_link(message->payload);
    parse_address(message->payload);
    parse_route(message->payload);
    (void)end_of_dump(*message);
  }
  return 0;
}
