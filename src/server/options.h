// What the server is told at its start: flags of the command line, each also an environment variable OSPREY_NAME and a
// line of --config FILE.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/carves/carves.h"
#include "server/enrollment/enrollment.h"
#include "server/http/listener.h"

namespace osprey::server {

struct Options {
  enum class Command : std::uint8_t {
    serve,
    migrate,         // bring the database up to date and end
    reset_password,  // give an administrator a new password and print it
    openapi,         // print the API's description
  };
  Command command = Command::serve;
  std::string administrator;  // whose password is reset

  std::string data = "/var/lib/osprey-server";  // folder: the SQLite database, certificates that we made
  std::string database;                         // url; empty: SQLite in the data folder
  unsigned database_connections = 8;
  std::string address = "127.0.0.1";
  std::uint16_t port = 8443;
  std::string public_address;  // "fleet.example.com[:8443]": how hosts reach the server; empty: where it listens
  std::string certificate;     // PEM files; both empty: made in the data folder
  std::string key;
  std::string client_authorities;
  http::ClientCertificates client_certificates = http::ClientCertificates::none;
  std::vector<std::string> trusted_balancers;
  enrollment::Identifier identifier = enrollment::Identifier::given;
  bool certificate_names_host = false;
  std::string secret_member = "enroll_secret";  // of an enrolment
  unsigned threads = 0;
  unsigned workers = 8;
  std::size_t agent_body = 40 << 20;  // bytes of a host's lines or answers in one request, unpacked
  std::chrono::seconds held_read{55};
  std::chrono::hours keep_results{24 * 30};
  std::int64_t keep_results_bytes = 0;  // 0: as much as there is
  carves::Options carves;
  std::string log_level = "info";
  bool log_json = false;
  bool insecure_http = false;  // plain HTTP, on loopback only: for a balancer that ends TLS
};

// Empty with the exit status, where there is nothing to run (--help, a wrong flag).
std::expected<Options, int> read_options(int argc, char** argv);

}  // namespace osprey::server
