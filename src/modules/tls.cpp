// The module "tls": what net/tls_module.h promises, by OpenSSL's libssl.
#include "net/tls_module.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/module_entry.h"

namespace osprey::net {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSession {
  void operator()(SSL* session) const { SSL_free(session); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;
using Session = std::unique_ptr<SSL, FreeSession>;

// The last of what OpenSSL has to say, which is the most general; its queue is empty afterwards.
std::string reason() {
  std::string text = "no reason is known";
  while (const auto code = ERR_get_error())
    if (const char* words = ERR_reason_error_string(code)) text = words;
  return text;
}

std::unexpected<Error> refused(std::string subject) { return failure(std::move(subject), reason()); }

// A key behind a pass phrase is an error: OpenSSL's own way is to ask at the terminal.
int no_pass_phrase(char*, int, int, void*) { return 0; }

Result<Context> make_context(const TlsOptions& options) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) return refused("TLS");
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_passwd_cb(raw, no_pass_phrase);
  SSL_CTX_set_options(raw, SSL_OP_IGNORE_UNEXPECTED_EOF);  // many servers end without a close_notify
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const bool trusts = options.authorities.empty() ? SSL_CTX_set_default_verify_paths(raw) == 1
                                                  : SSL_CTX_load_verify_file(raw, options.authorities.c_str()) == 1;
  if (!trusts) return refused(options.authorities);
  if (options.certificate.empty() && options.key.empty()) return context;
  if (SSL_CTX_use_certificate_chain_file(raw, options.certificate.c_str()) != 1) return refused(options.certificate);
  if (SSL_CTX_use_PrivateKey_file(raw, options.key.c_str(), SSL_FILETYPE_PEM) != 1) return refused(options.key);
  if (SSL_CTX_check_private_key(raw) != 1) return refused(options.key);
  return context;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

// OpenSSL writes to the socket by write(2): a peer that has gone raises SIGPIPE on the calling thread. It is held back
// for the time of a call, and taken away if the call has raised it.
class WithoutPipeSignal {
 public:
  WithoutPipeSignal() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  WithoutPipeSignal(const WithoutPipeSignal&) = delete;
  WithoutPipeSignal& operator=(const WithoutPipeSignal&) = delete;
  ~WithoutPipeSignal() {
    const timespec at_once{};
    if (!was_pending_)
      while (::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) continue;
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  ::sigset_t pipe_{};
  ::sigset_t before_{};
  bool was_pending_ = false;
};

class TlsStream final : public Stream {
 public:
  TlsStream(UniqueFd socket, Session session, std::string host)
      : socket_(std::move(socket)), session_(std::move(session)), host_(std::move(host)) {}

  Result<Moved> handshake() override {
    return moved([this](std::size_t&) { return SSL_connect(session_.get()); });
  }
  Result<Moved> send(std::string_view bytes) override {
    return moved([&](std::size_t& count) { return SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count); });
  }
  Result<Moved> receive(std::span<char> into) override {
    return moved([&](std::size_t& count) { return SSL_read_ex(session_.get(), into.data(), into.size(), &count); });
  }
  void finish() override {
    const WithoutPipeSignal held;
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
    ::shutdown(socket_.get(), SHUT_WR);
  }
  int fd() const override { return socket_.get(); }
  std::uint64_t written() const override { return BIO_number_written(SSL_get_wbio(session_.get())); }

 private:
  template <class Call>
  Result<Moved> moved(Call&& call) {
    const WithoutPipeSignal held;
    ERR_clear_error();
    errno = 0;
    std::size_t count = 0;
    const int returned = call(count);
    if (returned == 1) return Moved{.bytes = count};
    const int code = errno;
    switch (SSL_get_error(session_.get(), returned)) {
      case SSL_ERROR_WANT_READ:
        return Moved{.wait = POLLIN};
      case SSL_ERROR_WANT_WRITE:
        return Moved{.wait = POLLOUT};
      case SSL_ERROR_ZERO_RETURN:
        return Moved{.ended = true};
      case SSL_ERROR_SYSCALL:
        if (code != 0) return system_failure(code, host_);
        return failure(host_, "has closed the connection");
      default:
        return failed();
    }
  }

  std::unexpected<Error> failed() {
    const auto verdict = SSL_get_verify_result(session_.get());
    if (verdict == X509_V_OK) return refused(host_);
    ERR_clear_error();
    return failure(host_, fmt::format("its certificate is refused: {}", X509_verify_cert_error_string(verdict)));
  }

  UniqueFd socket_;
  Session session_;
  std::string host_;
};

Result<std::unique_ptr<Stream>> stream(UniqueFd socket, const TlsOptions& options) {
  const auto context = TRY(make_context(options));
  Session session(SSL_new(context.get()));
  if (!session || SSL_set_fd(session.get(), socket.get()) != 1) return refused("TLS");
  auto* wanted = SSL_get0_param(session.get());
  if (is_address(options.host)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, options.host.c_str()) != 1) return refused(options.host);
  } else {
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(wanted, options.host.c_str(), 0) != 1) return refused(options.host);
    SSL_set_tlsext_host_name(session.get(), options.host.c_str());
  }
  return std::make_unique<TlsStream>(std::move(socket), std::move(session), options.host);
}

}  // namespace
}  // namespace osprey::net

OSPREY_MODULE(osprey::net::TlsModule) = {.stream = osprey::net::stream};
