#include "fleet/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "base/text.h"

namespace osprey::fleet {
namespace {

constexpr const char* kAbout =
    R"about(Simulates a fleet of osquery agents against one server or several: each host enrols, fetches its configuration,
asks for distributed queries and answers them, and logs lines, over TLS, with its own node key, connection and phase.

Twenty hosts for looking at, until Ctrl-C:
  fleet_simulator --server 127.0.0.1:8443 --ca server.pem --secret-file secret
18,000 kept connections for five minutes, keys kept for the next run, the server's cost beside:
  fleet_simulator --server 127.0.0.1:8443 --ca server.pem --secret-file secret --keys keys --hosts 18000
                  --no-held-reads --warm-up 60 --duration 300 --server-pid "$(pidof osprey-server)" --json run.json
As many requests as the server answers, a full handshake each:
  fleet_simulator … --hosts 64 --saturate --connections full --no-held-reads --duration 30
30,000 lines a second, and which of them the server has acknowledged:
  fleet_simulator … --hosts 300 --lines-per-second 30000 --acknowledged acknowledged --duration 300
)about";

constexpr const char* kAfter = R"(
Latencies are given twice: from the moment a request was due (a slow server cannot hide behind the requests it keeps
from being sent) and from the moment it was sent. Figures count from the end of --warm-up.
--acknowledged gets a line "FIRST COUNT" for each batch: lines carry their number in the column "sequence".
Exit status: 0 the run was made (errors are in the report), 1 it could not be made, 2 wrong command line.)";

void finish(Options& options) {
  if (!options.secret_file.empty()) {
    std::ifstream file(options.secret_file);
    if (!file) throw CLI::ValidationError("--secret-file", options.secret_file + " cannot be read");
    options.secret.assign(std::istreambuf_iterator<char>(file), {});
    options.secret = std::string(trim(options.secret));
  } else if (const char* secret = std::getenv("OSPREY_ENROLL_SECRET")) {
    options.secret = secret;
  }
  if (options.authorities.empty() && !options.insecure)
    throw CLI::ValidationError("--ca", "the PEM file that vouches for the server is needed; --insecure does without");
  if (options.held_reads && (options.idle || options.saturate))
    throw CLI::ValidationError("--held-reads", "--idle and --saturate need --no-held-reads");
  if (options.lines_a_second > 0)
    options.log_interval = options.batch_lines * static_cast<double>(options.hosts) / options.lines_a_second;
  if (options.processes == 0) options.processes = (options.most_links() + 14'999) / 15'000;
  const std::uint32_t least = options.shared_connections ? options.shared_connections : options.hosts;
  if (options.processes > least)
    throw CLI::ValidationError("--processes", fmt::format("more of them than the {} connections", least));
}

}  // namespace

std::uint32_t Options::most_links() const noexcept {
  const std::uint32_t for_short = shared_connections ? shared_connections : hosts;
  return for_short + (held_reads ? hosts : 0);
}

Options parse_command_line(int argc, char** argv) {
  Options options;
  CLI::App app(kAbout, "fleet_simulator");
  app.footer(kAfter);
  app.get_formatter()->column_width(34);

  const auto where = "The server";
  app.add_option("--server", options.servers, "HOST:PORT; several: hosts are dealt out over them")
      ->required()
      ->group(where);
  app.add_option("--ca", options.authorities, "PEM file that vouches for the server")->group(where);
  app.add_flag("--insecure", options.insecure, "do not verify the server")->group(where);
  app.add_option("--server-name", options.server_name, "name to verify, if not the host of --server")->group(where);
  app.add_option("--prefix", options.prefix, "what stands before enroll, config, log, distributed/read…")
      ->capture_default_str()
      ->group(where);
  app.add_option("--secret-file", options.secret_file, "enrolment secret; else of $OSPREY_ENROLL_SECRET")->group(where);
  app.add_option("--keys", options.keys_file, "node keys of earlier runs; those got now are added")->group(where);

  const auto fleet = "The fleet";
  app.add_option("--hosts", options.hosts, "how many")
      ->check(CLI::Range(1u, 2'000'000u))
      ->capture_default_str()
      ->group(fleet);
  app.add_option("--first-host", options.first_host, "number of the first, which its identity follows")
      ->capture_default_str()
      ->group(fleet);
  app.add_option("--processes", options.processes, "0: one for each 15,000 connections")
      ->check(CLI::Range(0u, 64u))
      ->capture_default_str()
      ->group(fleet);
  app.add_option("--sources", options.sources, "loopback addresses to connect from, 28,000 ports each")
      ->check(CLI::Range(1u, 60'000u))
      ->capture_default_str()
      ->group(fleet);
  app.add_option("--at-a-time", options.at_a_time, "enrolments and new connections under way, a process")
      ->check(CLI::Range(1u, 10'000u))
      ->capture_default_str()
      ->group(fleet);
  const std::map<std::string, Connections> modes{
      {"kept", Connections::kept}, {"full", Connections::full}, {"resumed", Connections::resumed}};
  app.add_option("--connections", options.connections, "kept; or one a request with a full or resumed handshake")
      ->transform(CLI::CheckedTransformer(modes).description("kept|full|resumed"))
      ->group(fleet);
  app.add_option("--shared-connections", options.shared_connections,
                 "all hosts share so many for their short requests (100,000 keys below a limit of descriptors)")
      ->group(fleet);
  app.add_flag("--held-reads,!--no-held-reads", options.held_reads,
               "let the server hold the distributed read where it offers to, on a second kept connection (default)")
      ->group(fleet);
  app.add_flag("--idle", options.idle, "connect, one distributed read each, then nothing: what does a connection cost?")
      ->group(fleet);
  app.add_flag("--saturate", options.saturate, "each host sends its next request as soon as the last is answered")
      ->group(fleet);

  const auto work = "What a host does";
  const auto seconds = CLI::NonNegativeNumber;
  app.add_option("--config-interval", options.config_interval, "seconds; 0: never")
      ->check(seconds)
      ->capture_default_str()
      ->group(work);
  app.add_option("--distributed-interval", options.distributed_interval, "seconds; 0: never")
      ->check(seconds)
      ->capture_default_str()
      ->group(work);
  app.add_option("--log-interval", options.log_interval, "seconds; 0: never")
      ->check(seconds)
      ->capture_default_str()
      ->group(work);
  app.add_option("--jitter", options.jitter, "part of the interval that a turn may come sooner or later")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str()
      ->group(work);
  app.add_option("--lines-per-minute", options.lines_a_minute, "a host")
      ->check(seconds)
      ->capture_default_str()
      ->group(work);
  app.add_option("--lines-per-second", options.lines_a_second, "of all hosts together, in full batches")
      ->check(seconds)
      ->group(work);
  app.add_option("--batch-lines", options.batch_lines, "most lines a request")
      ->check(CLI::Range(1u, 100'000u))
      ->capture_default_str()
      ->group(work);
  app.add_option("--line-bytes", options.line_bytes, "about")
      ->check(CLI::Range(0u, 1'000'000u))
      ->capture_default_str()
      ->group(work);
  app.add_flag("--gzip", options.gzip, "compress log requests")->group(work);
  app.add_option("--first-sequence", options.first_sequence, "added to the numbers that lines carry")->group(work);
  app.add_option("--watch-sql", options.watch_sql, "report of distributed queries with this text in them only")
      ->group(work);
  app.add_option("--carve-bytes", options.carve_bytes, "size of what a carve query carves")
      ->capture_default_str()
      ->group(work);

  const auto run = "The run";
  app.add_option("--duration", options.duration, "seconds that count; 0: until Ctrl-C")
      ->check(seconds)
      ->capture_default_str()
      ->group(run);
  app.add_option("--warm-up", options.warm_up, "seconds before them")
      ->check(seconds)
      ->capture_default_str()
      ->group(run);
  app.add_option("--patience", options.patience, "seconds for enrolling and connecting")
      ->check(seconds)
      ->capture_default_str()
      ->group(run);
  app.add_option("--timeout", options.timeout, "seconds for a request")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(run);
  app.add_option("--server-pid", options.server_pids, "watch CPU and memory of it and its children")->group(run);
  app.add_option("--database-pid", options.database_pids, "the same, PostgreSQL's first process")->group(run);
  app.add_option("--json", options.json_file, "write the report there, too; -: instead of the table")->group(run);
  app.add_option("--acknowledged", options.acknowledged_file, "append what the server has acknowledged")->group(run);
  app.add_flag("--quiet", options.quiet, "no progress on standard error")->group(run);

  try {
    app.parse(argc, argv);
    finish(options);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    std::exit(status == 0 ? 0 : 2);
  }
  return options;
}

}  // namespace osprey::fleet
