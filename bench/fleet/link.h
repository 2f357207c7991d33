// A link: one host's connection to the server, non-blocking, with one request at a time. It holds buffers only while a
// request is under way. All links of a worker belong to its one thread.
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "fleet/options.h"
#include "fleet/reply.h"
#include "fleet/shared.h"

namespace osprey::fleet {

class Link;

// Whom links tell, from within calls to the link, too. It may close the link then, and begin the next request later.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  virtual void opened(Link& link, std::int64_t microseconds, bool resumed) = 0;
  virtual void answered(Link& link, Reply reply) = 0;
  // The link is closed; a request that was under way, or its opening, has come to nothing. `reusable_gone`: the
  // connection had served before and ended before the first byte of an answer: the agent tries such a request again
  // without a word.
  virtual void failed(Link& link, Failure failure, std::string_view what, bool reusable_gone) = 0;
};

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string name;  // to verify
  std::string text;  // as given, for errors and Host
  bool numeric = false;
  bool loopback = false;  // within 127.0.0.0/8: connections come from many addresses
};

Result<std::vector<Address>> resolve(const Options& options);

// What the links of a worker have in common.
class Transport {
 public:
  // `first_source`: where to begin in the row of source addresses, so that workers use different ones.
  static Result<std::unique_ptr<Transport>> make(const Options& options, std::span<const Address> servers,
                                                 LinkOwner& owner, unsigned first_source);
  ~Transport();
  // Waits until something happens on a link, or up to `until` (CLOCK_MONOTONIC), and works on what has.
  void wait(std::int64_t until);
  std::uint32_t open_links() const noexcept { return open_links_; }

 private:
  friend class Link;
  Transport(const Options& options, std::span<const Address> servers, LinkOwner& owner, unsigned first_source);
  Result<UniqueFd> connect_to(const Address& server);
  static int keep_session(SSL* ssl, SSL_SESSION* session);

  const Options& options_;
  std::span<const Address> servers_;
  LinkOwner& owner_;
  UniqueFd epoll_;
  SSL_CTX* context_ = nullptr;
  unsigned next_source_;
  std::uint32_t open_links_ = 0;
  std::vector<char> scratch_;  // what is read goes through here
};

class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  void set_up(std::uint32_t number, std::uint16_t server) noexcept {
    number_ = number;
    server_ = server;
  }
  std::uint32_t number() const noexcept { return number_; }

  bool busy() const noexcept { return exchange_ != nullptr; }
  bool is_open() const noexcept { return state_ == State::open; }
  bool closed() const noexcept { return state_ == State::closed; }
  // CLOCK_MONOTONIC; 0: none. Who owns the link looks at it now and then and calls expire().
  std::int64_t deadline() const noexcept { return deadline_; }

  // Opens a closed link.
  void open(Transport& transport, std::int64_t deadline);
  // Not while busy. Opens the link where it is closed.
  void begin(Transport& transport, std::string request, std::int64_t deadline);
  // The deadline has passed.
  void expire(Transport& transport);
  void close(Transport& transport) noexcept;
  // What has happened, as epoll(7) tells it.
  void handle(Transport& transport, std::uint32_t events);

 private:
  friend class Transport;
  enum class State : std::uint8_t { closed, connecting, handshaking, open };
  struct Exchange {
    std::string request;
    std::size_t written = 0;
    ReplyReader reader;
  };

  bool secure(Transport& transport);
  void shake_hands(Transport& transport);
  void write(Transport& transport);
  void read(Transport& transport);
  void finish(Transport& transport);
  void fail(Transport& transport, Failure failure, const std::string& what);
  void lost(Transport& transport, const std::string& what);

  std::unique_ptr<Exchange> exchange_;
  SSL* ssl_ = nullptr;
  SSL_SESSION* session_ = nullptr;  // to resume; kept only where that is asked for
  std::int64_t deadline_ = 0;
  std::int64_t began_ = 0;  // opening
  int fd_ = -1;
  std::uint32_t number_ = 0;
  std::uint16_t server_ = 0;
  State state_ = State::closed;
  bool served_ = false;  // this connection has answered a request
};

}  // namespace osprey::fleet
