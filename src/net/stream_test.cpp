#include "net/stream.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>

namespace osprey::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A port on loopback where somebody listens who does nothing by himself.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_.get(), 4), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  Endpoint endpoint() const { return {"127.0.0.1", std::to_string(port_)}; }
  UniqueFd accept() const { return UniqueFd(::accept(socket_.get(), nullptr, nullptr)); }
  void close() { socket_.reset(); }

 private:
  UniqueFd socket_;
  std::uint16_t port_ = 0;
};

Result<UniqueFd> connect_to(const Endpoint& endpoint) {
  Resolver resolver;
  return connect(TRY(resolver.resolve(endpoint, 5s, Interrupt::never())), 5s, Interrupt::never());
}

void reset(UniqueFd connection) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

TEST(Resolver, AddressesNeedNobody) {
  Resolver resolver;
  const auto found = resolver.resolve({"::1", "514"}, 0ms, Interrupt::never());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1);
  EXPECT_EQ(found->front().text(), "[::1]:514");
}

TEST(Resolver, NamesAreLookedUp) {
  Resolver resolver;
  const auto found = resolver.resolve({"localhost", "514"}, 10s, Interrupt::never());
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_THAT(found->front().text(), HasSubstr(":514"));
}

TEST(Resolver, ANameThatIsNoneIsAnError) {
  Resolver resolver;
  EXPECT_FALSE(resolver.resolve({"no such name", "514"}, 10s, Interrupt::never()));
}

TEST(Resolver, AStopEndsTheWait) {
  Interrupt stop;
  stop.request();
  Resolver resolver;
  const auto found = resolver.resolve({"localhost", "514"}, 1h, stop);
  if (!found) {
    EXPECT_THAT(found.error().text(), HasSubstr("interrupted"));
  }
}

TEST(Connect, TriesOneAddressAfterTheOther) {
  Listener nobody;
  const auto refused = nobody.endpoint();
  nobody.close();
  const Listener listener;
  Resolver resolver;
  auto addresses = *resolver.resolve(refused, 0ms, Interrupt::never());
  const auto first = connect(addresses, 5s, Interrupt::never());
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, ECONNREFUSED);
  addresses.push_back(resolver.resolve(listener.endpoint(), 0ms, Interrupt::never())->front());
  EXPECT_TRUE(connect(addresses, 5s, Interrupt::never()));
}

TEST(PlainStream, TellsWhatThePeersKernelHas) {
  const Listener listener;
  const auto stream = plain_stream(*connect_to(listener.endpoint()));
  const auto peer = listener.accept();
  ASSERT_EQ(stream->handshake()->wait, 0);
  ASSERT_EQ(stream->send("hello")->bytes, 5);
  EXPECT_EQ(stream->written(), 5);
  ASSERT_TRUE(*wait_for(peer.get(), POLLIN, 5s, Interrupt::never()));
  while (*stream->unacknowledged() > 0) continue;  // the peer has it: its word is on the way
}

TEST(PlainStream, SaysWhenToTryAgain) {
  const Listener listener;
  const auto stream = plain_stream(*connect_to(listener.endpoint()));
  const auto peer = listener.accept();
  const std::string much(1 << 20, 'x');
  Result<Stream::Moved> moved = Stream::Moved{};
  std::uint64_t sent = 0;
  for (; moved && moved->wait == 0; moved = stream->send(much)) sent += moved->bytes;
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->wait, POLLOUT);
  EXPECT_EQ(stream->written(), sent);
  EXPECT_GT(*stream->unacknowledged(), 0);
  char byte = 0;
  EXPECT_EQ(stream->receive({&byte, 1})->wait, POLLIN);
}

TEST(PlainStream, TellsAnEndFromAReset) {
  const Listener listener;
  char byte = 0;
  const auto ended = plain_stream(*connect_to(listener.endpoint()));
  listener.accept().reset();
  ASSERT_TRUE(*wait_for(ended->fd(), POLLIN, 5s, Interrupt::never()));
  EXPECT_TRUE(ended->receive({&byte, 1})->ended);

  const auto broken = plain_stream(*connect_to(listener.endpoint()));
  reset(listener.accept());
  ASSERT_TRUE(*wait_for(broken->fd(), POLLIN, 5s, Interrupt::never()));
  EXPECT_EQ(broken->receive({&byte, 1}).error().code, ECONNRESET);
}

TEST(WaitFor, AStopAndTheTimeEndIt) {
  const Listener listener;
  const auto stream = plain_stream(*connect_to(listener.endpoint()));
  EXPECT_FALSE(*wait_for(stream->fd(), POLLIN, 1ms, Interrupt::never()));
  Interrupt stop;
  stop.request();
  EXPECT_FALSE(*wait_for(stream->fd(), POLLIN, 1h, stop));
}

}  // namespace
}  // namespace osprey::net
