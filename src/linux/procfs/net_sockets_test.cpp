#include "linux/procfs/net_sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace osprey::linux {
namespace {

TEST(NetSockets, Tcp) {
  const auto parsed = parse_net_table(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 610010 1 0 100 0 0 "
      "10 0\n"
      "   1: 0F02000A:0016 0202000A:C350 01 00000000:00000000 02:000A1B2C 00000000     0        0 77 4 0 20 4 29 10 "
      "-1\n"
      "   2: 0100007F:1F91 0100007F:1F92 06 00000000:00000000 03:00000F11 00000000     0        0 0 3 0\n"
      "nonsense\n",
      AF_INET, IPPROTO_TCP);
  ASSERT_EQ(parsed.sockets.size(), 3u);
  EXPECT_EQ(parsed.broken_lines, 1);
  const auto& listening = parsed.sockets[0];
  EXPECT_EQ(address_text(listening, listening.local), "127.0.0.1");
  EXPECT_EQ(listening.local.port, 8080u);
  EXPECT_EQ(tcp_state_name(listening.state), "LISTEN");
  EXPECT_EQ(listening.uid, 1000u);
  EXPECT_EQ(listening.inode, 610010u);
  const auto& connected = parsed.sockets[1];
  EXPECT_EQ(address_text(connected, connected.remote), "10.0.2.2");
  EXPECT_EQ(connected.remote.port, 50000u);
  EXPECT_EQ(tcp_state_name(connected.state), "ESTABLISHED");
  EXPECT_EQ(tcp_state_name(parsed.sockets[2].state), "TIME_WAIT");
  EXPECT_EQ(parsed.sockets[2].inode, 0u);
}

TEST(NetSockets, Ipv6) {
  const auto socket = parse_inet_socket(
      "   0: B80D01200000000000000000010000FF:20FB 00000000000000000000000000000000:0000 07 00000000:00000000 "
      "00:00000000 00000000   999        0 610011 2 0 0",
      AF_INET6, IPPROTO_UDP);
  ASSERT_TRUE(socket);
  EXPECT_EQ(address_text(*socket, socket->local), "2001:db8::ff00:1");
  EXPECT_EQ(address_text(*socket, socket->remote), "::");
  EXPECT_EQ(socket->local.port, 8443u);
}

TEST(NetSockets, BrokenInetLines) {
  for (const auto* line :
       {"", "0:", "0: 0100007F:1F90", "0: 0100007F 0:0 0A 0 0 0 0 0 1", "0: 0100007G:1F90 00000000:0000 0A 0 0 0 0 0 1",
        "0: 0100007F:1F90F 00000000:0000 0A 0 0 0 0 0 1", "0: 0100007F:1F90 00000000:0000 zz 0 0 0 0 0 1",
        "0: 0100007F:1F90 00000000:0000 0A 0 0 0 0 0 x", "0: 0100007F0100007F:1F90 00000000:0000 0A 0 0 0 0 0 1"})
    EXPECT_FALSE(parse_inet_socket(line, AF_INET, IPPROTO_TCP)) << line;
}

TEST(NetSockets, Unix) {
  const auto parsed = parse_net_table(
      "Num       RefCount Protocol Flags    Type St Inode Path\n"
      "000000004e350ae1: 00000002 00000000 00010000 0001 01 610013 /opt/app/web server.sock\n"
      "00000000743a4443: 00000002 00000000 00000000 0002 01 610014 @abstract\n"
      "00000000743a4444: 00000003 00000000 00000000 0001 03 562\n"
      "00000000743a4445: 00000003\n",
      AF_UNIX, 0);
  ASSERT_EQ(parsed.sockets.size(), 3u);
  EXPECT_EQ(parsed.broken_lines, 1);
  EXPECT_EQ(parsed.sockets[0].path, "/opt/app/web server.sock");
  EXPECT_EQ(parsed.sockets[0].state, kListen);
  EXPECT_EQ(parsed.sockets[1].path, "@abstract");
  EXPECT_EQ(parsed.sockets[1].state, 0);
  EXPECT_EQ(parsed.sockets[2].path, "");
  EXPECT_EQ(parsed.sockets[2].inode, 562u);
  EXPECT_EQ(address_text(parsed.sockets[0], parsed.sockets[0].local), "");
}

TEST(NetSockets, Packet) {
  const auto socket = parse_packet_socket("ffff8fc3ce35b800 3      3    0003   2     1 0      0      610020");
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->protocol, 3);
  EXPECT_EQ(socket->family, AF_PACKET);
  EXPECT_EQ(socket->inode, 610020u);
  EXPECT_FALSE(parse_packet_socket("sk               RefCnt Type Proto  Iface R Rmem   User   Inode"));
}

TEST(NetSockets, SctpEndpoints) {
  const auto parsed = parse_net_table(
      " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n"
      "ffff88 ffff89 2   10  12   3868      105 98765 10.1.2.3 10.1.2.4 \n"
      "ffff88 ffff89 2   10  12   3869      105 98766 fe80::1 \n"
      "ffff88 ffff89 2   10\n",
      AF_UNSPEC, IPPROTO_SCTP);
  ASSERT_EQ(parsed.sockets.size(), 2u);
  EXPECT_EQ(parsed.broken_lines, 1);
  EXPECT_EQ(parsed.sockets[0].local.port, 3868u);
  EXPECT_EQ(address_text(parsed.sockets[0], parsed.sockets[0].local), "10.1.2.3");
  EXPECT_EQ(parsed.sockets[1].family, AF_INET6);
}

TEST(NetSockets, StatesThatAreNone) {
  EXPECT_EQ(tcp_state_name(0), "UNKNOWN");
  EXPECT_EQ(tcp_state_name(-1), "UNKNOWN");
  EXPECT_EQ(tcp_state_name(13), "UNKNOWN");
  EXPECT_EQ(tcp_state_name(7), "CLOSED");
}

}  // namespace
}  // namespace osprey::linux
