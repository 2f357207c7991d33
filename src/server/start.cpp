#include "server/start.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/unique_fd.h"
#include "server/api/api.h"
#include "server/log.h"
#include "server/options.h"
#include "server/server.h"

namespace osprey::server {
namespace {

int fail(const Error& error) {
  fmt::print(stderr, "osprey-server: {}\n", error.text());
  return EXIT_FAILURE;
}

// A connection is a descriptor: as many as we may have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Before there are threads, which inherit it.
UniqueFd block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC));
}

void greet(const Server& server) {
  if (server.authority().empty())
    log(Level::info, "listening", {{"url", server.url()}});
  else
    log(Level::info, "listening",
        {{"url", server.url()}, {"authority", server.authority()}, {"sha256", server.fingerprint()}});
  if (server.first_password().empty()) return;
  // Once, and to the terminal or whoever started us, not to the log.
  fmt::print("administrator: admin\npassword: {}\n", server.first_password());
  if (!server.authority().empty()) fmt::print("authority: {}\n", server.authority());
  std::fflush(stdout);
}

int run(const Options& options) {
  const auto signals = block_signals();
  raise_descriptor_limit();
  auto server = serve(options, system_clock());
  if (!server) return fail(server.error());
  greet(**server);
  for (;;) {
    signalfd_siginfo signal{};
    if (::read(signals.get(), &signal, sizeof signal) != sizeof signal) continue;
    if (signal.ssi_signo != SIGHUP) break;
    if (const auto read = (*server)->reload_certificate(); !read)
      log(Level::error, "certificate not read again", {{"why", read.error().text()}});
    else
      log(Level::info, "certificate read again");
  }
  log(Level::info, "stopping");
  return EXIT_SUCCESS;
}

Level level_of(std::string_view name) {
  if (name == "debug") return Level::debug;
  if (name == "warning") return Level::warning;
  return name == "error" ? Level::error : Level::info;
}

}  // namespace

int start(int argc, char** argv) {
  const auto options = read_options(argc, argv);
  if (!options) return options.error();
  set_up_log(level_of(options->log_level), options->log_json);
  switch (options->command) {
    case Options::Command::serve:
      return run(*options);
    case Options::Command::migrate: {
      const auto done = migrate(*options);
      return done ? EXIT_SUCCESS : fail(done.error());
    }
    case Options::Command::reset_password: {
      const auto password = reset_password(*options, system_clock());
      if (!password) return fail(password.error());
      fmt::print("{}\n", *password);
      return EXIT_SUCCESS;
    }
    case Options::Command::openapi:
      fmt::print("{}", api::openapi_page(api::endpoints()));
      return EXIT_SUCCESS;
  }
  return EXIT_FAILURE;
}

}  // namespace osprey::server
