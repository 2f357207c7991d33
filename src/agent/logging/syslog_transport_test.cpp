#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <future>

#include "agent/logging/rfc5424.h"
#include "agent/logging/syslog_target.h"
#include "net/testing.h"

namespace osprey::agent {
namespace {

using Messages = std::vector<std::string>;

std::string frames(const Messages& messages) {
  std::string text;
  for (const auto& message : messages) text += syslog_frame(message);
  return text;
}

// All that comes on a connection until it ends or there are `most` bytes.
std::string read(const UniqueFd& connection, std::size_t most) {
  std::string text;
  std::array<char, 4096> bytes;
  while (text.size() < most) {
    const auto count = ::recv(connection.get(), bytes.data(), std::min(bytes.size(), most - text.size()), 0);
    if (count <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return text;
}

// LOG-01.
TEST(SyslogStream, FramesArriveAndCount) {
  const net::Listener listener;
  const auto stream = syslog_stream(listener.endpoint(), std::nullopt);
  auto peer = std::async(std::launch::async, [&] { return read(listener.accept(), frames({"one", "two"}).size()); });
  const auto sent = stream->send(Messages{"one", "two"}, Interrupt::never());
  EXPECT_EQ(sent.messages, 2);
  EXPECT_FALSE(sent.error);
  EXPECT_EQ(peer.get(), "3 one3 two");
}

TEST(SyslogStream, WhatThePeerHadNotReadAtItsResetIsSentAgain) {
  const net::Listener listener;
  const auto stream = syslog_stream(listener.endpoint(), std::nullopt);
  std::promise<void> counted;
  std::promise<void> gone;
  auto peer = std::async(std::launch::async, [&] {
    auto connection = listener.accept();
    counted.get_future().wait();
    net::reset(std::move(connection));
    gone.set_value();
    return read(listener.accept(), frames({"one", "two"}).size());
  });
  EXPECT_EQ(stream->send(Messages{"one"}, Interrupt::never()).messages, 1) << "the peer's kernel has it";
  counted.set_value();
  gone.get_future().wait();
  EXPECT_EQ(stream->send(Messages{"two"}, Interrupt::never()).messages, 1);
  EXPECT_EQ(peer.get(), "3 one3 two");
}

TEST(SyslogStream, WhatThePeerHadReadAtItsEndIsNotSentAgain) {
  const net::Listener listener;
  const auto stream = syslog_stream(listener.endpoint(), std::nullopt);
  auto peer = std::async(std::launch::async, [&] {
    const auto first = read(listener.accept(), frames({"one"}).size());
    return first + '|' + read(listener.accept(), frames({"two"}).size());
  });
  while (stream->send(Messages{"one"}, Interrupt::never()).messages == 0) continue;
  while (stream->send(Messages{"two"}, Interrupt::never()).messages == 0) continue;
  EXPECT_EQ(peer.get(), "3 one|3 two");
}

TEST(SyslogStream, AConnectionThatIsResetAtOnceCountsForNothing) {
  const net::Listener listener;
  const auto stream = syslog_stream(listener.endpoint(), std::nullopt);
  auto peer = std::async(std::launch::async, [&] { net::reset(listener.accept()); });
  const auto sent = stream->send(Messages{"one"}, Interrupt::never());
  EXPECT_EQ(sent.messages, 0);
  ASSERT_TRUE(sent.error);
  EXPECT_EQ(sent.error->subject, listener.endpoint().text());
}

TEST(SyslogStream, AStopEndsItWithoutAnError) {
  const net::Listener listener;  // takes the connection and reads nothing
  const auto stream = syslog_stream(listener.endpoint(), std::nullopt);
  Interrupt stop;
  auto ordered = std::async(std::launch::async, [&] {
    const auto connection = listener.accept();
    stop.request();
    return connection.get() >= 0;
  });
  const auto sent = stream->send(Messages(100, std::string(1 << 20, 'x')), stop);
  EXPECT_TRUE(ordered.get());
  EXPECT_LT(sent.messages, 100);
  EXPECT_FALSE(sent.error);
}

TEST(SyslogStream, NobodyListeningIsAnError) {
  net::Listener listener;
  const auto stream = syslog_stream(listener.endpoint(), std::nullopt);
  listener.close();
  EXPECT_EQ(stream->send(Messages{"one"}, Interrupt::never()).error->code, ECONNREFUSED);
}

TEST(SyslogDatagrams, AMessageIsADatagram) {
  const net::Listener listener(SOCK_DGRAM);
  const auto datagrams = syslog_datagrams(listener.endpoint());
  const std::string longest(kLongestDatagram, 'x');
  EXPECT_EQ(datagrams->send(Messages{"one", longest}, Interrupt::never()).messages, 2);
  std::string bytes(70'000, '\0');
  EXPECT_EQ(::recv(listener.fd(), bytes.data(), bytes.size(), 0), 3);
  EXPECT_EQ(::recv(listener.fd(), bytes.data(), bytes.size(), 0), kLongestDatagram);
}

TEST(SyslogDatagrams, OnThisHostNobodyListeningIsNoticedAtOnce) {
  net::Listener listener(SOCK_DGRAM);
  const auto datagrams = syslog_datagrams(listener.endpoint());
  listener.close();
  const auto sent = datagrams->send(Messages{"one", "two"}, Interrupt::never());
  EXPECT_EQ(sent.messages, 0);
  EXPECT_EQ(sent.error->code, ECONNREFUSED);
}

}  // namespace
}  // namespace osprey::agent
