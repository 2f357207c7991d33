#include "fleet/link.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "fleet/clock.h"

namespace osprey::fleet {
namespace {

constexpr std::size_t kScratchBytes = 64 << 10;

// The first error that OpenSSL has in store, which it forgets.
std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return errno ? std::strerror(errno) : "the connection ended";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : fmt::format("OpenSSL error {:#x}", code);
}

bool is_numeric(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

Result<Address> resolve_one(const std::string& text, const std::string& server_name) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return failure(text, "expected HOST:PORT");
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found))
    return failure(text, gai_strerror(code));
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  freeaddrinfo(found);
  if (address.storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address.storage);
    address.loopback = ntohl(in.sin_addr.s_addr) >> 24 == 127;
  }
  address.name = server_name.empty() ? host : server_name;
  address.numeric = is_numeric(address.name);
  address.text = text;
  return address;
}

}  // namespace

Result<std::vector<Address>> resolve(const Options& options) {
  std::vector<Address> addresses;
  addresses.reserve(options.servers.size());
  for (const std::string& server : options.servers) addresses.push_back(TRY(resolve_one(server, options.server_name)));
  return addresses;
}

Transport::Transport(const Options& options, std::span<const Address> servers, LinkOwner& owner, unsigned first_source)
    : options_(options),
      servers_(servers),
      owner_(owner),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      next_source_(first_source),
      scratch_(kScratchBytes) {}

Transport::~Transport() { SSL_CTX_free(context_); }

Result<std::unique_ptr<Transport>> Transport::make(const Options& options, std::span<const Address> servers,
                                                   LinkOwner& owner, unsigned first_source) {
  std::unique_ptr<Transport> made(new Transport(options, servers, owner, first_source));
  if (!made->epoll_) return system_failure("epoll");
  SSL_CTX* context = made->context_ = SSL_CTX_new(TLS_client_method());
  if (!context) return failure("OpenSSL", openssl_error());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  if (options.connections == Connections::resumed) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
  } else {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  }
  if (!options.insecure) {
    if (SSL_CTX_load_verify_locations(context, options.authorities.c_str(), nullptr) != 1)
      return failure("--ca " + options.authorities, openssl_error());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  return made;
}

int Transport::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* link = static_cast<Link*>(SSL_get_app_data(ssl));
  SSL_SESSION_free(link->session_);
  link->session_ = session;
  return 1;  // ours now
}

Result<UniqueFd> Transport::connect_to(const Address& server) {
  UniqueFd fd(::socket(server.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_failure("socket");
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A source whose ports are all taken is passed over.
  for (unsigned tries = 0; tries < options_.sources; ++tries) {
    if (server.loopback) {
      ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      const unsigned source = next_source_++ % options_.sources;
      sockaddr_in from{};
      from.sin_family = AF_INET;
      from.sin_addr.s_addr = htonl(0x7f010000u + (source / 250 << 8) + source % 250 + 1);  // 127.1.x.1 to 250
      if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) return system_failure("bind");
    }
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&server.storage), server.length) == 0 ||
        errno == EINPROGRESS)
      return fd;
    if (errno != EADDRNOTAVAIL || !server.loopback) break;
    fd.reset(::socket(server.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return system_failure("socket");
  }
  return system_failure("connect to " + server.text);
}

void Transport::wait(std::int64_t until) {
  std::array<epoll_event, 512> events;
  const std::int64_t left = std::max<std::int64_t>(0, until - monotonic_microseconds());
  const timespec patience{left / 1'000'000, left % 1'000'000 * 1'000};
  const int count = ::epoll_pwait2(epoll_.get(), events.data(), events.size(), &patience, nullptr);
  for (int i = 0; i < count; ++i) static_cast<Link*>(events[i].data.ptr)->handle(*this, events[i].events);
}

Link::~Link() {
  SSL_free(ssl_);
  SSL_SESSION_free(session_);
  if (fd_ >= 0) ::close(fd_);
}

void Link::open(Transport& transport, std::int64_t deadline) {
  deadline_ = deadline;
  began_ = monotonic_microseconds();
  auto fd = transport.connect_to(transport.servers_[server_]);
  if (!fd) return fail(transport, Failure::connect, fd.error().text());
  fd_ = fd->release();
  state_ = State::connecting;
  epoll_event event{EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {this}};
  if (::epoll_ctl(transport.epoll_.get(), EPOLL_CTL_ADD, fd_, &event) != 0)
    fail(transport, Failure::connect, std::string("epoll: ") + std::strerror(errno));
}

void Link::begin(Transport& transport, std::string request, std::int64_t deadline) {
  exchange_ = std::make_unique<Exchange>();
  exchange_->request = std::move(request);
  deadline_ = deadline;
  if (state_ == State::closed) return open(transport, deadline);
  if (state_ == State::open) write(transport);
}

void Link::expire(Transport& transport) {
  fail(transport, Failure::timeout, state_ == State::open ? "no answer in time" : "no connection in time");
}

void Link::close(Transport& transport) noexcept {
  // The descriptor's end takes it out of epoll. No shutdown is waited for, as HTTP clients have it.
  if (ssl_ && state_ == State::open) {
    --transport.open_links_;
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  SSL_free(std::exchange(ssl_, nullptr));
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  state_ = State::closed;
  served_ = false;
  deadline_ = 0;
}

void Link::handle(Transport& transport, std::uint32_t events) {
  if (state_ == State::closed) return;  // an event of before it was closed in this round
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error)
      return fail(transport, Failure::connect,
                  fmt::format("connect to {}: {}", transport.servers_[server_].text, std::strerror(error)));
    if (!(events & EPOLLOUT)) return;
    if (!secure(transport)) return;
  }
  if (state_ == State::handshaking) return shake_hands(transport);
  if (exchange_ && exchange_->written < exchange_->request.size()) write(transport);
  if (state_ == State::open && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) read(transport);
}

bool Link::secure(Transport& transport) {
  const Address& server = transport.servers_[server_];
  ssl_ = SSL_new(transport.context_);
  if (!ssl_ || SSL_set_fd(ssl_, fd_) != 1) {
    fail(transport, Failure::handshake, openssl_error());
    return false;
  }
  SSL_set_app_data(ssl_, this);
  if (server.numeric) {
    if (!transport.options_.insecure) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), server.name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl_, server.name.c_str());
    if (!transport.options_.insecure) SSL_set1_host(ssl_, server.name.c_str());
  }
  if (session_) {
    // A session of TLS 1.3 may be used once; its copy is a new one to OpenSSL.
    SSL_SESSION* copy = SSL_SESSION_dup(session_);
    SSL_set_session(ssl_, copy);
    SSL_SESSION_free(copy);
  }
  SSL_set_connect_state(ssl_);
  state_ = State::handshaking;
  return true;
}

void Link::shake_hands(Transport& transport) {
  errno = 0;
  const int done = SSL_do_handshake(ssl_);
  if (done != 1) {
    const int why = SSL_get_error(ssl_, done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
    const long verified = SSL_get_verify_result(ssl_);
    fail(transport, Failure::handshake,
         verified == X509_V_OK ? openssl_error()
                               : std::string("the server's certificate: ") + X509_verify_cert_error_string(verified));
    ERR_clear_error();
    return;
  }
  state_ = State::open;
  ++transport.open_links_;
  if (!exchange_) deadline_ = 0;
  transport.owner_.opened(*this, monotonic_microseconds() - began_, SSL_session_reused(ssl_) == 1);
  if (exchange_) return write(transport);
  SSL_free_buffers(ssl_);
}

void Link::write(Transport& transport) {
  Exchange& exchange = *exchange_;
  while (exchange.written < exchange.request.size()) {
    errno = 0;
    std::size_t taken = 0;
    if (SSL_write_ex(ssl_, exchange.request.data() + exchange.written, exchange.request.size() - exchange.written,
                     &taken) == 1) {
      exchange.written += taken;
      continue;
    }
    const int why = SSL_get_error(ssl_, 0);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
    return lost(transport, openssl_error());
  }
}

void Link::read(Transport& transport) {
  while (state_ == State::open) {
    errno = 0;
    std::size_t got = 0;
    if (SSL_read_ex(ssl_, transport.scratch_.data(), transport.scratch_.size(), &got) != 1) {
      const int why = SSL_get_error(ssl_, 0);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        if (!exchange_) SSL_free_buffers(ssl_);  // a session ticket alone leaves one, whatever the mode
        return;
      }
      if (exchange_ && why == SSL_ERROR_ZERO_RETURN && exchange_->reader.end()) return finish(transport);
      return lost(transport, openssl_error());
    }
    if (!exchange_) return fail(transport, Failure::http, "bytes came that nobody has asked for");
    const auto whole = exchange_->reader.feed({transport.scratch_.data(), got});
    if (!whole) return fail(transport, Failure::http, whole.error().text());
    // The rest of the loop sees what came with it: the next session ticket, the end of the connection.
    if (*whole) finish(transport);
  }
}

void Link::finish(Transport& transport) {
  Reply reply = exchange_->reader.take();
  // An answer before the request's end: the rest would be taken for the next one.
  reply.keep_alive &= exchange_->written == exchange_->request.size();
  exchange_.reset();
  deadline_ = 0;
  served_ = true;
  if (!reply.keep_alive) close(transport);
  transport.owner_.answered(*this, std::move(reply));
}

void Link::fail(Transport& transport, Failure failure, const std::string& what) {
  close(transport);
  exchange_.reset();
  transport.owner_.failed(*this, failure, what, false);
}

void Link::lost(Transport& transport, const std::string& what) {
  const bool was_waiting = exchange_ != nullptr;
  const bool reusable_gone = was_waiting && served_ && !exchange_->reader.started();
  close(transport);
  exchange_.reset();
  if (was_waiting) transport.owner_.failed(*this, Failure::closed, what, reusable_gone);
}

}  // namespace osprey::fleet
