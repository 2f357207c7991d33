#include "linux/netlink/sock_diag.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <linux/vm_sockets_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "linux/netlink/bytes_test.h"

namespace osprey::linux {
namespace {

TEST(SockDiag, Inet) {
  inet_diag_msg message{};
  message.idiag_family = AF_INET6;
  message.idiag_state = 1;
  message.id.idiag_sport = htons(443);
  message.id.idiag_dport = htons(50000);
  ::inet_pton(AF_INET6, "2001:db8::1", message.id.idiag_src);
  ::inet_pton(AF_INET6, "fe80::2", message.id.idiag_dst);
  message.idiag_uid = 33;
  message.idiag_inode = 4242;
  const auto body = number_bytes(message) + attribute_bytes(INET_DIAG_SKV6ONLY, "\1");
  const auto sockets =
      parse_sock_diag(message_bytes(SOCK_DIAG_BY_FAMILY, body) + message_bytes(99, body), AF_INET6, IPPROTO_TCP);
  ASSERT_EQ(sockets.size(), 1u);
  EXPECT_EQ(address_text(sockets[0], sockets[0].local), "2001:db8::1");
  EXPECT_EQ(address_text(sockets[0], sockets[0].remote), "fe80::2");
  EXPECT_EQ(sockets[0].local.port, 443u);
  EXPECT_EQ(sockets[0].remote.port, 50000u);
  EXPECT_EQ(sockets[0].state, 1);
  EXPECT_EQ(sockets[0].uid, 33u);
  EXPECT_EQ(sockets[0].inode, 4242u);
  EXPECT_EQ(sockets[0].protocol, IPPROTO_TCP);
}

std::string unix_body(std::uint8_t state, std::string_view name) {
  unix_diag_msg message{};
  message.udiag_family = AF_UNIX;
  message.udiag_state = state;
  message.udiag_ino = 7;
  return number_bytes(message) + attribute_bytes(UNIX_DIAG_NAME, name) +
         attribute_bytes(UNIX_DIAG_UID, number_bytes(std::uint32_t{1000}));
}

TEST(SockDiag, UnixNames) {
  using namespace std::string_view_literals;
  const auto path = parse_unix_diag(unix_body(kListen, "/run/a b.sock\0"sv));
  ASSERT_TRUE(path);
  EXPECT_EQ(path->path, "/run/a b.sock");
  EXPECT_EQ(path->state, kListen);
  EXPECT_EQ(path->uid, 1000u);
  EXPECT_EQ(path->inode, 7u);
  EXPECT_EQ(parse_unix_diag(unix_body(7, "\0abstract\0x"sv))->path, "@abstract@x");
  EXPECT_EQ(parse_unix_diag(unix_body(7, "\xff\n"sv))->path, "\xff\n");
  EXPECT_EQ(parse_unix_diag(unix_body(7, ""sv))->path, "");
}

// SLG-02
TEST(SockDiag, UnixSocketsOfFiles) {
  const unix_diag_vfs file{.udiag_vfs_ino = 77, .udiag_vfs_dev = 8 << 20 | 1};
  const unix_diag_rqlen queue{.udiag_rqueue = 4096, .udiag_wqueue = 0};
  const auto body = unix_body(7, "/dev/log") + attribute_bytes(UNIX_DIAG_VFS, number_bytes(file)) +
                    attribute_bytes(UNIX_DIAG_RQLEN, number_bytes(queue));
  const auto socket = parse_unix_diag(body);
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->file, (Socket::File{makedev(8, 1), 77}));
  EXPECT_EQ(socket->waiting, 4096U);
  EXPECT_FALSE(parse_unix_diag(unix_body(7, "/dev/log") + attribute_bytes(UNIX_DIAG_VFS, "\1"))->file);
}

TEST(SockDiag, Vsock) {
  vsock_diag_msg message{};
  message.vdiag_family = AF_VSOCK;
  message.vdiag_state = kListen;
  message.vdiag_src_cid = 3;
  message.vdiag_src_port = 0xffff0001;
  message.vdiag_ino = 9;
  const auto socket = parse_vsock_diag(number_bytes(message));
  ASSERT_TRUE(socket);
  EXPECT_EQ(address_text(*socket, socket->local), "3");
  EXPECT_EQ(socket->local.port, 0xffff0001u);
}

TEST(SockDiag, ShortOrForeignBodiesAreRefused) {
  const std::string zeros(200, '\0');
  for (std::size_t size = 0; size < sizeof(inet_diag_msg); ++size)
    EXPECT_FALSE(parse_inet_diag(zeros.substr(0, size), IPPROTO_TCP));
  EXPECT_FALSE(parse_inet_diag(zeros, IPPROTO_TCP));  // no family
  EXPECT_FALSE(parse_unix_diag(zeros));
  EXPECT_FALSE(parse_unix_diag("\1"));
  EXPECT_FALSE(parse_vsock_diag(zeros));
}

TEST(SockDiag, OwnListenerIsFound) {
  auto diag = SockDiag::open(Root::host());
  ASSERT_TRUE(diag) << diag.error().text();
  if (!diag->knows(AF_INET, IPPROTO_TCP)) GTEST_SKIP() << "tcp_diag is neither loaded nor built in";
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  socklen_t size = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const auto sockets = diag->dump(AF_INET, IPPROTO_TCP, 1u << kListen, Interrupt::never());
  ASSERT_TRUE(sockets) << sockets.error().text();
  const auto found = std::ranges::find_if(*sockets, [&](auto& s) { return s.local.port == ntohs(address.sin_port); });
  ASSERT_NE(found, sockets->end());
  EXPECT_EQ(address_text(*found, found->local), "127.0.0.1");
  EXPECT_EQ(found->uid, ::getuid());
}

TEST(SockDiag, NothingIsAskedThatWouldLoadAModule) {
  const auto tree = Root::at(OSPREY_TESTS_DIRECTORY "/roots/debian-12");  // has a list of modules without any *_diag
  ASSERT_TRUE(tree);
  const auto diag = SockDiag::open(*tree);
  ASSERT_TRUE(diag);
  EXPECT_FALSE(diag->knows(AF_INET, IPPROTO_TCP));
  EXPECT_FALSE(diag->knows(AF_UNIX, 0));
}

}  // namespace
}  // namespace osprey::linux
