// What a run is to be, from the command line.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace osprey::fleet {

enum class Connections : std::uint8_t {
  kept,     // one a host, for all of its short requests
  full,     // one a request, each with a full handshake
  resumed,  // one a request, each resuming the session before
};

struct Options {
  std::vector<std::string> servers;  // "host:port"; hosts are dealt out over them in turn
  std::string server_name;           // to verify, in SNI and Host; empty: the server's host
  std::string authorities;           // PEM; empty with `insecure`
  bool insecure = false;
  std::string prefix = "/api/osquery";
  std::string secret_file;
  std::string secret;  // read from there, or from OSPREY_ENROLL_SECRET
  std::string keys_file;

  std::uint32_t hosts = 20;
  std::uint32_t first_host = 1;
  unsigned processes = 0;   // 0: one for each 15,000 connections
  unsigned sources = 64;    // loopback addresses to connect from
  unsigned at_a_time = 32;  // enrolments, and connections being opened, a process

  Connections connections = Connections::kept;
  std::uint32_t shared_connections = 0;  // 0: each host has its own
  bool held_reads = true;
  bool idle = false;
  bool saturate = false;

  double config_interval = 300;  // seconds; 0: never
  double distributed_interval = 60;
  double log_interval = 60;
  double jitter = 0.05;       // a turn comes by up to this part of its interval sooner or later
  double lines_a_minute = 1;  // a host
  double lines_a_second = 0;  // of all hosts together; instead of lines_a_minute and log_interval
  std::uint32_t batch_lines = 1024;
  std::uint32_t line_bytes = 400;
  bool gzip = false;
  std::uint64_t first_sequence = 0;
  std::string acknowledged_file;
  std::uint32_t carve_bytes = 20'000;
  std::string watch_sql;  // queries with this in them are what HostRecord tells of

  double warm_up = 0;     // seconds before figures count
  double duration = 0;    // seconds; 0: until a signal
  double patience = 600;  // seconds for enrolling and connecting
  double timeout = 16;    // seconds for a request

  std::vector<pid_t> server_pids;
  std::vector<pid_t> database_pids;
  std::string json_file;
  bool quiet = false;

  // Links to the server at a time, at most, of all processes together.
  std::uint32_t most_links() const noexcept;
};

// Ends the program where it was asked for help or the command line is wrong.
Options parse_command_line(int argc, char** argv);

}  // namespace osprey::fleet
