// exec_storm COUNT WORKERS PROGRAM: COUNT times vfork and exec of a program, by WORKERS processes at once. Prints how
// many nanoseconds it took.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int count = std::atoi(argv[1]);
  const int workers = std::atoi(argv[2]);
  char* environment[] = {nullptr};
  char* arguments[] = {argv[3], nullptr};
  const auto begin = std::chrono::steady_clock::now();
  for (int worker = 0; worker < workers; ++worker) {
    if (::fork() != 0) continue;
    for (int i = worker; i < count; i += workers) {
      pid_t pid = 0;
      if (::posix_spawn(&pid, argv[3], nullptr, nullptr, arguments, environment) != 0) ::_exit(1);
      ::waitpid(pid, nullptr, 0);
    }
    ::_exit(0);
  }
  int failed = 0;
  for (int status = 0; ::wait(&status) > 0;) failed += status != 0;
  const auto took = std::chrono::steady_clock::now() - begin;
  std::printf("%lld\n", static_cast<long long>(std::chrono::nanoseconds(took).count()));
  return failed != 0;
}
