// Program: facts about the running process that tables and the shell show.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace osprey::agent {

// The release of osquery whose behaviour we have: what the program says of itself under osquery's name.
inline constexpr std::string_view kOsqueryVersion = "5.23.0-38-ga5b14f63d";

// osquery's exit status for what ends everything: a watcher that sees it in its worker does not start another.
inline constexpr int kCatastrophic = 78;

// A random UUID, lower case.
std::string random_uuid();

struct Program {
  std::string name = "osprey";  // it was started under
  // Started under osquery's name: behave as osquery does where we would rather not.
  bool osquery_compatible = false;
  std::int64_t start_time = 0;              // Unix seconds
  int watcher = -1;                         // its process id; -1 without one
  std::string instance_id = random_uuid();  // of this run of the program

  std::string_view version() const;
  // "osquery 5.23.0…" or "osprey 0.1.0".
  std::string title() const;
};

// gethostname(2).
std::string host_name();

}  // namespace osprey::agent
