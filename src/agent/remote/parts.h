// What the agent's side of the TLS API is made with.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "agent/flags/flags.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"
#include "agent/remote/delays.h"
#include "agent/remote/enroll_secret.h"
#include "base/interrupt.h"
#include "net/http_client.h"
#include "store/store.h"

namespace osprey::agent {

// The references' targets outlive what is made with it; the functions are called from any thread.
struct RemoteParts {
  const Program& program;
  const Flags& flags;  // of command line and flag file: the server and the way to it stay the same while the agent runs
  store::Store& store;
  StatusLog& status;
  EnrollSecret secret;
  std::function<std::string()> host_identifier;
  std::function<std::string()> host_details;  // a JSON object (host_details.h)

  // Others in tests; an empty `open` is the module's.
  std::function<Result<std::unique_ptr<net::HttpClient>>(const net::HttpClientOptions&)> open;
  std::function<Interrupt::Clock::time_point()> now = Interrupt::Clock::now;
  std::function<bool(std::chrono::milliseconds, const Interrupt&)> pause = agent::pause;
};

}  // namespace osprey::agent
