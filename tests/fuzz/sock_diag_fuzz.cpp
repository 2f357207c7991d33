#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "linux/netlink/sock_diag.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const int family : {AF_INET, AF_UNIX, AF_VSOCK})
    for (const auto& socket : osprey::linux::parse_sock_diag(text, family, IPPROTO_TCP))
      osprey::linux::address_text(socket, socket.remote);
  return 0;
}
