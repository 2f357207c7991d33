// storm exec COUNT PROGRAM [RATE]: executes PROGRAM COUNT times, RATE a second or as fast as all processors can.
// storm connect COUNT: connects to itself over loopback COUNT times, as fast as all processors can.
// storm read COUNT: reads a byte of /dev/zero COUNT times, likewise.
// Prints how many seconds that took.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

// `pause`: from the start of one to that of the next, but for what came too late.
void execute(long count, char* program, Clock::duration pause) {
  char* const arguments[] = {program, const_cast<char*>("--as"), const_cast<char*>("a storm does"), nullptr};
  for (auto due = Clock::now(); count > 0; --count, due += pause) {
    std::this_thread::sleep_until(due);
    const pid_t child = ::fork();
    if (child == 0) {
      ::execv(program, arguments);
      ::_exit(127);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) ::_exit(1);
  }
}

// Closed by a reset, so that no port is left waiting.
void reset(int socket) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  ::close(socket);
}

void connect(long count) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, name, size) != 0 || ::listen(listener, 128) != 0 || ::getsockname(listener, name, &size) != 0)
    ::_exit(1);
  for (; count > 0; --count) {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(client, name, size) != 0) ::_exit(1);
    const int server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (server < 0) ::_exit(1);
    reset(client);
    reset(server);
  }
}

void read(long count) {
  const int file = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  for (char byte = 0; count > 0; --count)
    if (::read(file, &byte, 1) != 1) ::_exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 2 ? argv[1] : "";
  if (!((what == "exec" && (argc == 4 || argc == 5)) || ((what == "connect" || what == "read") && argc == 3))) {
    std::fputs("usage: storm exec COUNT PROGRAM [RATE] | storm connect COUNT | storm read COUNT\n", stderr);
    return 2;
  }
  const long count = std::atol(argv[2]);
  const long workers = ::sysconf(_SC_NPROCESSORS_ONLN);
  const long rate = argc == 5 ? std::atol(argv[4]) : 0;
  const auto pause = rate > 0 ? Clock::duration(std::chrono::seconds(workers)) / rate : Clock::duration::zero();
  const auto begin = Clock::now();
  for (long worker = 0; worker < workers; ++worker) {
    if (::fork() != 0) continue;
    const long share = count / workers + (worker < count % workers ? 1 : 0);
    if (what == "exec") execute(share, argv[3], pause);
    if (what == "connect") connect(share);
    if (what == "read") read(share);
    ::_exit(0);
  }
  bool failed = false;
  for (int status = 0; ::wait(&status) > 0;) failed |= status != 0;
  if (failed) {
    std::fputs("storm: a call failed\n", stderr);
    return 1;
  }
  std::printf("%.6f\n", std::chrono::duration<double>(Clock::now() - begin).count());
}
