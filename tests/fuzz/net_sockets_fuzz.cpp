#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "linux/procfs/net_sockets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_net_table(text, AF_INET, IPPROTO_TCP);
  osprey::linux::parse_net_table(text, AF_INET6, IPPROTO_UDP);
  osprey::linux::parse_net_table(text, AF_UNIX, 0);
  osprey::linux::parse_net_table(text, AF_PACKET, -1);
  osprey::linux::parse_net_table(text, AF_UNSPEC, IPPROTO_SCTP);
  return 0;
}
