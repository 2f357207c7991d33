#include <openssl/objects.h>

#include <algorithm>
#include <chrono>

#include "base/module.h"
#include "base/text.h"
#include "linux/certificates/certificate.h"
#include "linux/http/http_module.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::Certificate;

constexpr std::uint16_t kDefaultPort = 443;
constexpr std::int64_t kDefaultTimeout = 4;   // seconds
constexpr std::int64_t kLongestTimeout = 60;  // also for 0, osquery's «wait for ever»

struct Server {
  std::string host;
  std::uint16_t port = kDefaultPort;
};

// NAME, NAME:PORT, ADDRESS, [ADDRESS]:PORT.
Result<Server> parse_server(const std::string& text) {
  const auto after_brackets = text.starts_with('[') ? text.find(']') : 0;
  const auto colon = after_brackets == std::string::npos ? after_brackets : text.find(':', after_brackets);
  Server server{text.substr(0, colon)};
  if (colon == std::string::npos || colon + 1 == text.size()) return server;
  const auto port = parse<std::uint16_t>(std::string_view(text).substr(colon + 1));
  if (!port) return failure(text, "has no port number behind its colon");
  server.port = *port;
  return server;
}

struct Handle {
  std::string hostname;
  Certificate certificate;
  bool dump;
  std::int64_t timeout;
};

Result<Certificate> certificate_of(const std::string& hostname, std::int64_t timeout, const Interrupt& interrupt) {
  const auto server = TRY(parse_server(hostname));
  const auto* http = TRY(open_module<linux::HttpModule>());
  const std::chrono::seconds limit(timeout == 0 ? kLongestTimeout : std::min(timeout, kLongestTimeout));
  return Certificate::from_pem(TRY(http->server_certificate(server.host, server.port, limit, interrupt)));
}

// The timeout that the query asks for, in seconds.
std::int64_t asked_timeout(const Scan& scan) {
  const auto asked = scan.integers("timeout");
  if (!asked || asked->empty()) return kDefaultTimeout;
  if (asked->front() >= 0) return asked->front();
  scan.warn(failure("timeout", "cannot be negative").error());
  return kDefaultTimeout;
}

Rows<Handle> scan(const Scan& scan) {
  const auto dumps = scan.integers("dump_certificate");
  const bool dump = dumps && std::ranges::find(*dumps, 1) != dumps->end();
  const auto timeout = asked_timeout(scan);
  for (const auto& hostname : scan.texts("hostname").value_or(std::vector<std::string>{})) {
    if (scan.interrupted()) co_return;
    auto certificate = scan.take(certificate_of(hostname, timeout, scan.interrupt()));
    if (!certificate) continue;
    Handle handle{hostname, std::move(*certificate), dump, timeout};
    co_yield handle;
  }
}

template <auto member>
constexpr auto of = [](const Handle& handle) { return (handle.certificate.*member)(); };
template <int nid>
constexpr auto subject = [](const Handle& handle) { return handle.certificate.subject(nid); };
template <int nid>
constexpr auto issuer = [](const Handle& handle) { return handle.certificate.issuer(nid); };
template <int nid>
constexpr auto extension = [](const Handle& handle) { return handle.certificate.extension(nid); };

}  // namespace

Table curl_certificate() {
  return table("curl_certificate", "The certificate that a TLS server shows; it is not verified.", scan)
      .column("hostname", TEXT, &Handle::hostname, "Server to ask, as NAME or NAME:PORT; the port is 443 otherwise.",
              REQUIRED | OPTIMIZED)
      .column("common_name", TEXT, subject<NID_commonName>, "Common name of the subject.")
      .column("organization", TEXT, subject<NID_organizationName>, "Organization of the subject.")
      .column("organization_unit", TEXT, subject<NID_organizationalUnitName>, "Unit of the subject's organization.")
      .column("serial_number", TEXT, of<&Certificate::serial_number>, "Serial number in hexadecimal.", NOCASE)
      .column("issuer_common_name", TEXT, issuer<NID_commonName>, "Common name of the issuer.")
      .column("issuer_organization", TEXT, issuer<NID_organizationName>, "Organization of the issuer.")
      .column("issuer_organization_unit", TEXT, issuer<NID_organizationalUnitName>,
              "Unit of the issuer's organization.")
      .column("valid_from", TEXT, of<&Certificate::valid_from>, "Begin of its validity, as Nov 22 06:37:48 2026 GMT.")
      .column("valid_to", TEXT, of<&Certificate::valid_to>, "End of its validity, in the same form.")
      .column("sha256_fingerprint", TEXT, of<&Certificate::sha256_fingerprint>, "SHA-256 of the certificate.", NOCASE)
      .column("sha1_fingerprint", TEXT, of<&Certificate::sha1_fingerprint>, "SHA-1 of the certificate.", NOCASE)
      .column("version", INTEGER, of<&Certificate::version>, "Version of X.509 that it is written in.")
      .column("signature_algorithm", TEXT, of<&Certificate::signature_algorithm>, "How it is signed, as RSA-SHA256.")
      .column("signature", TEXT, of<&Certificate::signature>, "The signature's bytes in hexadecimal.")
      .column("subject_key_identifier", TEXT, extension<NID_subject_key_identifier>, "Identifies the subject's key.",
              NOCASE)
      .column("authority_key_identifier", TEXT, extension<NID_authority_key_identifier>,
              "Identifies the key that signed it.", NOCASE)
      .column("key_usage", TEXT, extension<NID_key_usage>, "What the key may be used for.")
      .column("extended_key_usage", TEXT, extension<NID_ext_key_usage>, "Purposes that the key may be used for.")
      .column("policies", TEXT, extension<NID_certificate_policies>, "Policies that it was issued under.")
      .column("subject_alternative_names", TEXT, extension<NID_subject_alt_name>, "Names that it is also good for.")
      .column("issuer_alternative_names", TEXT, extension<NID_issuer_alt_name>, "Other names of the issuer.")
      .column("info_access", TEXT, extension<NID_info_access>, "Where to learn about the issuer.")
      .column("subject_info_access", TEXT, extension<NID_sinfo_access>, "Where to learn about the subject.")
      .column("policy_mappings", TEXT, extension<NID_policy_mappings>, "Policies that count as equal.")
      .column("has_expired", INTEGER, of<&Certificate::has_expired>, "1 when its validity is over.")
      .column("basic_constraint", TEXT, extension<NID_basic_constraints>, "Whether it may sign other certificates.")
      .column("name_constraints", TEXT, extension<NID_name_constraints>, "Names that it may sign certificates for.")
      .column("policy_constraints", TEXT, extension<NID_policy_constraints>, "Policies that what it signs must keep.")
      .column(
          "dump_certificate", INTEGER, [](const Handle& h) { return h.dump; }, "Ask for 1 to have pem filled.",
          ADDITIONAL | HIDDEN)
      .column("timeout", INTEGER, &Handle::timeout, "Seconds to wait for the server, 4 unless the query asks for more.",
              ADDITIONAL | HIDDEN)
      .column(
          "pem", TEXT, [](const Handle& h) { return h.dump ? std::optional(h.certificate.pem()) : std::nullopt; },
          "The certificate itself in PEM, where dump_certificate asks for it.")
      .host_only()
      .example("SELECT valid_to, has_expired FROM curl_certificate WHERE hostname = 'localhost:443'");
}

}  // namespace osprey::tables
