#include "server/http/transport.h"

#include <linux/sockios.h>
#include <openssl/err.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace osprey::server::http {
namespace {

IoOutcome outcome_of_call(ssize_t returned, Io if_blocked) {
  if (returned > 0) return {Io::done, static_cast<std::size_t>(returned)};
  if (returned == 0) return {Io::end, 0};
  return {errno == EAGAIN || errno == EINTR ? if_blocked : Io::failed, 0};
}

}  // namespace

void Transport::secure(SslPointer ssl) {
  ssl_ = std::move(ssl);
  SSL_set_fd(ssl_.get(), socket_);
  SSL_set_accept_state(ssl_.get());
}

Io Transport::handshake() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_.get());
  return returned == 1 ? Io::done : outcome_of(returned);
}

std::string Transport::peer_subject() const {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_.get()), X509_free);
  if (!certificate) return {};
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate.get()), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

IoOutcome Transport::read(std::span<char> into) {
  if (!ssl_) return outcome_of_call(::recv(socket_, into.data(), into.size(), 0), Io::wants_read);
  ERR_clear_error();
  IoOutcome outcome;
  const int returned = SSL_read_ex(ssl_.get(), into.data(), into.size(), &outcome.bytes);
  outcome.io = returned == 1 ? Io::done : outcome_of(returned);
  return outcome;
}

IoOutcome Transport::write(std::string_view bytes) {
  if (!ssl_) return outcome_of_call(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), Io::wants_write);
  ERR_clear_error();
  IoOutcome outcome;
  const int returned = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &outcome.bytes);
  outcome.io = returned == 1 ? Io::done : outcome_of(returned);
  return outcome;
}

std::size_t Transport::unacknowledged() const {
  int bytes = 0;
  return ::ioctl(socket_, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

void Transport::end_writing() {
  if (ssl_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(socket_, SHUT_WR);
}

Io Transport::drain() {
  // With MSG_TRUNC TCP throws the bytes away without a copy.
  constexpr std::size_t kAtOnce = 1 << 20;
  return outcome_of_call(::recv(socket_, nullptr, kAtOnce, MSG_TRUNC), Io::wants_read).io;
}

Io Transport::outcome_of(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return Io::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Io::wants_write;
    case SSL_ERROR_ZERO_RETURN:
      return Io::end;
    default:
      return Io::failed;
  }
}

}  // namespace osprey::server::http
