// connect_storm COUNT: COUNT connections over loopback, one after the other, taken by a thread. Prints how many
// nanoseconds it took.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 0;
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  auto* const at = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  if (::bind(listener, at, size) != 0 || ::listen(listener, 512) != 0 || ::getsockname(listener, at, &size) != 0)
    return 1;
  const auto begin = std::chrono::steady_clock::now();
  std::thread server([&] {
    for (int i = 0; i < count; ++i) ::close(::accept(listener, nullptr, nullptr));
  });
  int failed = 0;
  for (int i = 0; i < count; ++i) {
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    // A reset at the end: no port is left waiting.
    const linger none{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    failed += ::connect(client, at, size) != 0;
    ::close(client);
  }
  server.join();
  const auto took = std::chrono::steady_clock::now() - begin;
  std::printf("%lld\n", static_cast<long long>(std::chrono::nanoseconds(took).count()));
  return failed != 0;
}
