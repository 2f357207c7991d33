#include "linux/http/http_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/module.h"
#include "base/unique_fd.h"

namespace osprey::linux {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// A server that takes connections and never says a word.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(socket_.get(), 8);
    socklen_t size = sizeof address;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  UniqueFd socket_;
  std::uint16_t port_ = 0;
};

class Http : public testing::Test {
 protected:
  void SetUp() override {
    const auto opened = open_module<HttpModule>();
    ASSERT_TRUE(opened) << opened.error().text();
    http_ = *opened;
  }
  const HttpModule* http_ = nullptr;
  SilentServer server_;
};

TEST_F(Http, ASilentServerIsGivenUp) {
  const auto answer = http_->get({.url = server_.url(), .timeout = milliseconds(200)}, Interrupt::never());
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("timed out"));
  EXPECT_FALSE(http_->server_certificate("127.0.0.1", server_.port(), milliseconds(200), Interrupt::never()));
}

TEST_F(Http, AnInterruptEndsARequest) {
  const Interrupt soon(Interrupt::Clock::now() + milliseconds(150));
  const auto begin = Interrupt::Clock::now();
  const auto answer = http_->get({.url = server_.url()}, soon);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "interrupted");
  EXPECT_LT(Interrupt::Clock::now() - begin, std::chrono::seconds(3));
}

TEST_F(Http, OnlyHttpIsSpokenAndOnlyToHosts) {
  EXPECT_FALSE(http_->get({.url = "file:///etc/passwd"}, Interrupt::never()));
  EXPECT_FALSE(http_->get({.url = ""}, Interrupt::never()));
  for (const auto* host : {"", "a/b", "user@127.0.0.1", "a b", "127.0.0.1#"})
    EXPECT_FALSE(http_->server_certificate(host, server_.port(), milliseconds(200), Interrupt::never())) << host;
}

}  // namespace
}  // namespace osprey::linux
