#include "server/options.h"

#include <CLI/CLI.hpp>

#include "base/version.h"

namespace osprey::server {
namespace {

constexpr const char* kEpilogue = R"(
examples:
  osprey-server --data ./fleet                       a server on https://127.0.0.1:8443 with SQLite below ./fleet
  osprey-server --listen 0.0.0.0:8443 --public_address fleet.example.com \
      --database postgresql://osprey@db/osprey       for a fleet; the password in ~/.pgpass or PGPASSWORD
  osprey-server reset_password admin                 a new password for an administrator who forgot it

The first start prints the administrator's password, once. With ospreyctl login and ospreyctl secrets line hosts enrol.
SIGHUP reads the certificate again. Metrics for Prometheus are at /metrics, health at /healthz.)";

struct Parser {
  explicit Parser(Options& into) : options(into) {}

  template <class T>
  CLI::Option* flag(const std::string& name, T& value, const std::string& help) {
    std::string variable = "OSPREY_" + name;
    for (char& c : variable) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return app.add_option("--" + name, value, help)->take_last()->envname(variable)->group(group);
  }

  void declare() {
    app.set_version_flag("--version", "osprey-server " + std::string(version()));
    app.set_config("--config", "", "Read flags from this file: lines of NAME=VALUE.");
    app.footer(kEpilogue);
    group = "Where things are";
    flag("data", options.data, "Folder for the SQLite database and the certificates that are made here.")
        ->capture_default_str();
    flag("database", options.database,
         "sqlite:PATH or postgresql://USER@HOST/NAME. Without it: SQLite in the data folder.");
    flag("database_connections", options.database_connections, "Connections to the database at most.")
        ->check(CLI::Range(2, 200))
        ->capture_default_str();
    group = "Network";
    flag("listen", listen, "Address and port to listen on.")->capture_default_str();
    flag("public_address", options.public_address,
         "How hosts reach this server: NAME[:PORT]. Stands in enrolment lines.");
    flag("certificate", options.certificate,
         "PEM file of the server's certificate and its chain. Without it one is made.")
        ->check(CLI::ExistingFile);
    flag("key", options.key, "PEM file of the certificate's key.")->check(CLI::ExistingFile);
    flag("client_authorities", options.client_authorities, "PEM file of those who vouch for hosts' certificates.")
        ->check(CLI::ExistingFile);
    flag("client_certificates", certificates, "none, optional or required.")
        ->check(CLI::IsMember({"none", "optional", "required"}))
        ->capture_default_str();
    flag("trusted_balancers", options.trusted_balancers, "Addresses whose X-Forwarded-For is believed.")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->delimiter(',');
    app.add_flag("--insecure_http", options.insecure_http,
                 "Plain HTTP, on loopback only: for a balancer on this machine that ends TLS.")
        ->group(group);
    group = "Hosts";
    flag("identifier", identifier, "What tells hosts apart: host_identifier, hardware_uuid or instance_id.")
        ->check(CLI::IsMember({"host_identifier", "hardware_uuid", "instance_id"}))
        ->capture_default_str();
    app.add_flag("--certificate_names_host", options.certificate_names_host,
                 "A host's certificate must have its identifier as common name.")
        ->group(group);
    flag("enroll_secret_member", options.secret_member,
         "Where an enrolment says its secret: what agents have as --tls_enroll_override.")
        ->capture_default_str();
    group = "Load";
    flag("threads", options.threads, "Threads that hold connections. 0: one a core.")->capture_default_str();
    flag("workers", options.workers, "Threads that wait for the database.")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    flag("body_mb", body_megabytes, "Megabytes of lines or answers that a host may send at a time, unpacked.")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    flag("held_read_seconds", held, "For how long a host's live read is held open. 0: hosts poll.")
        ->check(CLI::Range(0, 600))
        ->capture_default_str();
    group = "Retention";
    flag("keep_results_days", days, "Days that result and status lines are kept.")
        ->check(CLI::Range(1, 3650))
        ->capture_default_str();
    flag("keep_results_gb", gigabytes, "Gigabytes that they may fill; the oldest days go first. 0: no bound.")
        ->capture_default_str();
    flag("carve_mb", carve_megabytes, "Megabytes that one carve may have.")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    flag("keep_carves_days", carve_days, "Days that carves are kept.")
        ->check(CLI::Range(1, 3650))
        ->capture_default_str();
    flag("keep_carves_gb", carve_gigabytes, "Gigabytes that all may fill; the oldest go first.")
        ->check(CLI::Range(0.001, 1e6))
        ->capture_default_str();
    group = "Log";
    flag("log_level", options.log_level, "debug, info, warning or error.")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
        ->capture_default_str();
    app.add_flag("--log_json", options.log_json, "Log lines as JSON objects.")->group(group);
    app.add_subcommand("serve", "Run the server (the default).");
    app.add_subcommand("migrate", "Bring the database up to date and end.");
    app.add_subcommand("openapi", "Print the API's OpenAPI page.");
    app.add_subcommand("reset_password", "Give an administrator a new password and print it.")
        ->add_option("name", options.administrator, "The administrator.")
        ->required();
    app.require_subcommand(0, 1);
  }

  void finish() {
    const auto colon = listen.rfind(':');
    const auto digits = colon == std::string::npos ? std::string() : listen.substr(colon + 1);
    unsigned port = 0;
    if (digits.empty() || !CLI::detail::lexical_cast(digits, port) || port > 65535)
      throw CLI::ValidationError("--listen", "ADDRESS:PORT is wanted, such as 0.0.0.0:8443 or [::]:8443");
    options.address = listen.substr(0, colon);
    if (options.address.starts_with('[') && options.address.ends_with(']'))
      options.address = options.address.substr(1, options.address.size() - 2);
    options.port = static_cast<std::uint16_t>(port);
    if (options.certificate.empty() != options.key.empty())
      throw CLI::ValidationError("--certificate", "goes together with --key");
    if (certificates != "none" && options.client_authorities.empty())
      throw CLI::ValidationError("--client_certificates", "needs --client_authorities");
    options.client_certificates = certificates == "required"   ? http::ClientCertificates::required
                                  : certificates == "optional" ? http::ClientCertificates::optional
                                                               : http::ClientCertificates::none;
    options.held_read = std::chrono::seconds(held);
    options.keep_results = std::chrono::hours(24 * days);
    options.keep_results_bytes = static_cast<std::int64_t>(gigabytes * 1e9);
    options.agent_body = static_cast<std::size_t>(body_megabytes) << 20;
    options.identifier = *api::named<enrollment::Identifier>(identifier);
    if (options.certificate_names_host && certificates != "required")
      throw CLI::ValidationError("--certificate_names_host", "needs --client_certificates required");
    options.carves.carve_bytes = static_cast<std::uint64_t>(carve_megabytes) << 20;
    options.carves.all_bytes = static_cast<std::uint64_t>(carve_gigabytes * 1e9);
    options.carves.keep_ms = std::chrono::milliseconds(std::chrono::hours(24 * carve_days)).count();
    if (app.got_subcommand("migrate")) options.command = Options::Command::migrate;
    if (app.got_subcommand("openapi")) options.command = Options::Command::openapi;
    if (app.got_subcommand("reset_password")) options.command = Options::Command::reset_password;
  }

  Options& options;
  CLI::App app{"The fleet server: enrols hosts, tells them what to do, asks them live, keeps what they answer."};
  std::string group;
  std::string listen = "127.0.0.1:8443";
  std::string certificates = "none";
  int held = 55;
  int days = 30;
  double gigabytes = 0;
  std::string identifier = "host_identifier";
  int body_megabytes = 40;
  int carve_megabytes = 1024;
  int carve_days = 30;
  double carve_gigabytes = 20;
};

}  // namespace

std::expected<Options, int> read_options(int argc, char** argv) {
  Options options;
  Parser parser(options);
  parser.declare();
  try {
    parser.app.parse(argc, argv);
    parser.finish();
  } catch (const CLI::ParseError& error) {
    return std::unexpected(parser.app.exit(error));
  }
  return options;
}

}  // namespace osprey::server
