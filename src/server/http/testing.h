// For tests and measurements: certificates made on the spot, and a client that says exactly what it is told to.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <cstddef>
#include <cstdint>

#include <array>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "base/unique_fd.h"

namespace osprey::server::http::testing {

template <auto Free>
struct OpenSslFree {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <class T, auto Free>
using OpenSslPointer = std::unique_ptr<T, OpenSslFree<Free>>;

// PEM.
struct Certificate {
  std::string certificate;
  std::string key;
};

inline std::string pem(auto&& write) {
  const OpenSslPointer<BIO, BIO_free> text(BIO_new(BIO_s_mem()));
  write(text.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

// ECDSA P-256, for localhost and 127.0.0.1, good for a day; signed by `authority`, or by itself.
inline Certificate make_certificate(const std::string& name, const Certificate* authority = nullptr) {
  const OpenSslPointer<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  const OpenSslPointer<X509, X509_free> certificate(X509_new());
  X509* x509 = certificate.get();
  static long serial = 1;
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
  X509_set_pubkey(x509, key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  const auto extend = [&](int kind, const char* value) {
    const OpenSslPointer<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, kind, value));
    X509_add_ext(x509, extension.get(), -1);
  };
  if (authority == nullptr) {
    extend(NID_basic_constraints, "critical,CA:TRUE");
    extend(NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_sign(x509, key.get(), EVP_sha256());
  } else {
    extend(NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    const OpenSslPointer<BIO, BIO_free> issuer_text(BIO_new_mem_buf(authority->certificate.data(), -1));
    const OpenSslPointer<BIO, BIO_free> key_text(BIO_new_mem_buf(authority->key.data(), -1));
    const OpenSslPointer<X509, X509_free> issuer(PEM_read_bio_X509(issuer_text.get(), nullptr, nullptr, nullptr));
    const OpenSslPointer<EVP_PKEY, EVP_PKEY_free> issuer_key(
        PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    X509_set_issuer_name(x509, X509_get_subject_name(issuer.get()));
    X509_sign(x509, issuer_key.get(), EVP_sha256());
  }
  return {.certificate = pem([&](BIO* to) { PEM_write_bio_X509(to, x509); }),
          .key = pem([&](BIO* to) { PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

// A blocking TCP connection to a port on loopback whose calls end after ten seconds.
inline UniqueFd connect_to(std::uint16_t port, std::chrono::seconds patience = std::chrono::seconds(10)) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

struct Reply {
  unsigned status = 0;                              // 0: none came
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool whole = false;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// One connection, plain or TLS.
class Client {
 public:
  struct Tls {
    int least = 0, most = 0;         // protocol versions; 0: OpenSSL's
    std::string ciphers;             // of TLS 1.2
    Certificate certificate;         // shown; empty: none
    SSL_SESSION* session = nullptr;  // to resume
  };
  explicit Client(std::uint16_t port) : fd_(connect_to(port)) {}
  Client(std::uint16_t port, const Tls& tls) : fd_(connect_to(port)) { shake_hands(tls); }

  bool secure() const { return ssl_ && SSL_is_init_finished(ssl_.get()); }
  SSL* ssl() const { return ssl_.get(); }
  int fd() const { return fd_.get(); }
  void close() {
    ssl_.reset();
    fd_.reset();
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                             : static_cast<int>(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // What comes next, at least a byte; empty at the end (or after ten seconds).
  std::string receive() {
    std::array<char, 16 << 10> bytes;
    const auto got = ssl_ ? SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                          : static_cast<int>(::recv(fd_.get(), bytes.data(), bytes.size(), 0));
    return {bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }
  // Up to the end.
  std::string receive_all() {
    std::string all = std::exchange(read_, {});
    for (std::string piece; !(piece = receive()).empty();) all += piece;
    return all;
  }

  // One answer; with `no_body` that to a HEAD.
  Reply reply(bool no_body = false) {
    Reply reply;
    if (!read_until("\r\n\r\n")) return reply;
    const auto head = take(read_.find("\r\n\r\n") + 4);
    parse_head(head, reply);
    if (reply.status == 100) return reply;
    if (no_body || reply.status == 204) {
      reply.whole = true;
    } else if (const auto length = reply.headers.find("content-length"); length != reply.headers.end()) {
      const auto size = parse<std::size_t>(length->second).value_or(0);
      while (read_.size() < size && more()) continue;
      reply.whole = read_.size() >= size;
      reply.body = take(size);
    } else if (reply.header("transfer-encoding") == "chunked") {
      read_chunks(reply);
    } else {
      reply.body = receive_all();
      reply.whole = true;
    }
    return reply;
  }
  Reply ask(std::string_view request) {
    if (!send(request)) return {};
    return reply(request.starts_with("HEAD "));
  }

 private:
  void shake_hands(const Tls& tls) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL's writes
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (tls.least != 0) SSL_CTX_set_min_proto_version(context_.get(), tls.least);
    if (tls.most != 0) SSL_CTX_set_max_proto_version(context_.get(), tls.most);
    if (!tls.ciphers.empty()) SSL_CTX_set_cipher_list(context_.get(), tls.ciphers.c_str());
    SSL_CTX_set_security_level(context_.get(), 0);
    if (!tls.certificate.key.empty()) show(tls.certificate);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd_.get());
    if (tls.session != nullptr) SSL_set_session(ssl_.get(), tls.session);
    SSL_connect(ssl_.get());
  }
  void show(const Certificate& certificate) {
    const OpenSslPointer<BIO, BIO_free> text(BIO_new_mem_buf(certificate.certificate.data(), -1));
    const OpenSslPointer<BIO, BIO_free> key_text(BIO_new_mem_buf(certificate.key.data(), -1));
    const OpenSslPointer<X509, X509_free> x509(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    const OpenSslPointer<EVP_PKEY, EVP_PKEY_free> key(
        PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    SSL_CTX_use_certificate(context_.get(), x509.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
  }

  bool more() {
    const auto piece = receive();
    read_ += piece;
    return !piece.empty();
  }
  bool read_until(std::string_view mark) {
    while (read_.find(mark) == std::string::npos) {
      if (!more()) return false;
    }
    return true;
  }
  std::string take(std::size_t size) {
    auto taken = read_.substr(0, size);
    read_.erase(0, size);
    return taken;
  }
  static void parse_head(std::string_view head, Reply& reply) {
    for (const auto line : Lines(head)) {
      if (line.starts_with("HTTP/1.1 ")) {
        reply.status = parse<unsigned>(line.substr(9, 3)).value_or(0);
      } else if (const auto colon = line.find(": "); colon != std::string_view::npos) {
        reply.headers.emplace(line.substr(0, colon), line.substr(colon + 2));
      }
    }
  }
  void read_chunks(Reply& reply) {
    while (read_until("\r\n")) {
      const auto line = take(read_.find("\r\n") + 2);
      const auto size = parse<std::size_t>(trim(line), 16);
      if (!size) return;
      while (read_.size() < *size + 2) {
        if (!more()) return;
      }
      reply.body += take(*size);
      take(2);
      if (*size == 0) {
        reply.whole = true;
        return;
      }
    }
  }

  UniqueFd fd_;
  OpenSslPointer<SSL_CTX, SSL_CTX_free> context_;
  OpenSslPointer<SSL, SSL_free> ssl_;
  std::string read_;
};

}  // namespace osprey::server::http::testing
