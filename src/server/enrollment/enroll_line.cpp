#include "server/enrollment/enroll_line.h"

#include <fmt/format.h>

#include "base/text.h"
#include "net/fingerprint.h"
#include "server/api/problem.h"

namespace osprey::server::enrollment {
namespace {

constexpr std::string_view kFolder = "/etc/osprey";

std::vector<std::string> flags_for(const Options& options) {
  std::vector<std::string> flags{
      "--tls_hostname=" + options.server,
      fmt::format("--enroll_secret_path={}/enroll_secret", kFolder),
      "--enroll_tls_endpoint=/api/osquery/enroll",
      "--config_plugin=tls",
      "--config_tls_endpoint=/api/osquery/config",
      "--config_refresh=300",
      "--logger_plugin=tls",
      "--logger_tls_endpoint=/api/osquery/log",
      "--logger_tls_compress=true",
      "--disable_distributed=false",
      "--distributed_plugin=tls",
      "--distributed_tls_read_endpoint=/api/osquery/distributed/read",
      "--distributed_tls_write_endpoint=/api/osquery/distributed/write",
      "--disable_carver=false",
      "--carver_start_endpoint=/api/osquery/carve/begin",
      "--carver_continue_endpoint=/api/osquery/carve/block",
  };
  if (!options.certificate.empty()) flags.push_back(fmt::format("--tls_server_certs={}/server.pem", kFolder));
  return flags;
}

// A file written by the shell: its text comes by standard input, taken as it is.
std::string file(std::string_view name, std::string_view text) {
  return fmt::format("cat > {}/{} <<'END'\n{}\nEND\n", kFolder, name, trim_right(text));
}

}  // namespace

Result<EnrollLine> enroll_line(const Options& options, std::string_view secret) {
  if (options.server.empty())
    return api::problem(api::kConflict, "enroll line",
                        "the server does not know how hosts reach it; start it with the address they use");
  EnrollLine line;
  line.secret = secret;
  line.flags = flags_for(options);
  line.certificate = options.certificate;
  line.fingerprint = options.certificate.empty() ? "" : net::fingerprint_of(options.certificate);
  line.shell = fmt::format("umask 077\nmkdir -p {}\n", kFolder);
  line.shell += file("enroll_secret", secret);
  if (!options.certificate.empty()) line.shell += file("server.pem", options.certificate);
  line.shell += file("osprey.flags", fmt::format("{}", fmt::join(line.flags, "\n")));
  line.shell += fmt::format("ospreyd --flagfile={}/osprey.flags --daemonize\n", kFolder);
  return line;
}

}  // namespace osprey::server::enrollment
