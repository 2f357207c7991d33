#include "ctl/trust.h"

#include <fmt/format.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <memory>

#include "base/unique_fd.h"
#include "net/fingerprint.h"

namespace osprey::ctl {
namespace {

constexpr timeval kPatience{.tv_sec = 10, .tv_usec = 0};  // for a step of the handshake

template <auto function>
struct Free {
  void operator()(auto* owned) const { function(owned); }
};
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Free<SSL_free>>;
using Addresses = std::unique_ptr<addrinfo, Free<freeaddrinfo>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free_all>>;

struct Place {
  std::string host, port;
};

Result<Place> place_of(const std::string& server) {
  std::string_view rest = server;
  constexpr std::string_view kScheme = "https://";
  if (!rest.starts_with(kScheme)) return failure(server, "speaks no TLS");
  rest.remove_prefix(kScheme.size());
  std::string host;
  if (rest.starts_with('[')) {
    host = rest.substr(1, rest.find(']') - 1);
    rest.remove_prefix(std::min(rest.find(']') + 1, rest.size()));
  } else {
    host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(host.size());
  }
  return Place{std::move(host), rest.starts_with(':') ? std::string(rest.substr(1)) : "443"};
}

Result<UniqueFd> connected(const std::string& server, const Place& place) {
  const addrinfo wanted{.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &wanted, &found); code != 0)
    return failure(server, ::gai_strerror(code));
  const Addresses owner(found);
  int code = 0;
  for (const auto* each = found; each; each = each->ai_next) {
    UniqueFd socket(::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC, each->ai_protocol));
    if (!socket) continue;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    if (::connect(socket.get(), each->ai_addr, each->ai_addrlen) == 0) return socket;
    code = errno;
  }
  return system_failure(code, server);
}

std::string text_in(BIO* memory) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<ShownCertificate> described(const std::string& server, X509* certificate) {
  const Memory pem(BIO_new(BIO_s_mem()));
  const Memory subject(BIO_new(BIO_s_mem()));
  if (!pem || !subject || PEM_write_bio_X509(pem.get(), certificate) != 1)
    return failure(server, "its certificate cannot be read");
  X509_NAME_print_ex(subject.get(), X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  auto text = text_in(pem.get());
  auto fingerprint = net::fingerprint_of(text);
  return ShownCertificate{
      .pem = std::move(text), .fingerprint = std::move(fingerprint), .subject = text_in(subject.get())};
}

}  // namespace

Result<ShownCertificate> shown_certificate(const std::string& server) {
  const auto place = TRY(place_of(server));
  const auto socket = TRY(connected(server, place));
  const Context context(SSL_CTX_new(TLS_client_method()));
  const Connection connection(context ? SSL_new(context.get()) : nullptr);
  if (!connection) return failure(server, "libssl cannot be set up");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_set_tlsext_host_name(connection.get(), place.host.c_str());
  SSL_set_fd(connection.get(), socket.get());
  if (SSL_connect(connection.get()) != 1) {
    const auto code = ERR_get_error();
    const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    return failure(server, fmt::format("the TLS handshake failed: {}", reason ? reason : "the connection ended"));
  }
  auto* chain = SSL_get_peer_cert_chain(connection.get());
  if (!chain || sk_X509_num(chain) == 0) return failure(server, "shows no certificate");
  return described(server, sk_X509_value(chain, sk_X509_num(chain) - 1));
}

}  // namespace osprey::ctl
