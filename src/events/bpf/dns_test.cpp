#include "events/bpf/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace osprey::events::bpf {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

std::optional<DnsMessage> parse(std::string_view text) { return parse_dns(std::as_bytes(std::span(text))); }

const std::string kQuestion =
    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07"
    "example\x03org\x00\x00\x01\x00\x01"s;

// The question, and answers behind it.
std::string answer(unsigned char count, std::string_view records, unsigned char code = 0) {
  std::string text = kQuestion;
  text[2] = '\x81';
  text[3] = static_cast<char>(0x80 | code);
  text[7] = static_cast<char>(count);
  return text.append(records);
}

TEST(Dns, AQuestion) {
  const auto message = parse(kQuestion);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->id, 0x1234);
  EXPECT_FALSE(message->response);
  EXPECT_EQ(message->query, "www.example.org");
  EXPECT_EQ(message->type, "A");
  EXPECT_THAT(message->answers, IsEmpty());
  EXPECT_FALSE(message->ttl);
}

TEST(Dns, Answers) {
  const auto message =
      parse(answer(4,
                   "\xc0\x0c\x00\x05\x00\x01\x00\x00\x01\x00\x00\x04\x01x\xc0\x10"  // CNAME x.example.org
                   "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"
                   "\xc0\x0c\x00\x41\x00\x01\x00\x00\x00\x50\x00\x02zz"  // HTTPS: passed over
                   "\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x50\x00\x05\x02"
                   "a\x01\x01\xff"s));
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->response);
  EXPECT_EQ(message->code, "NOERROR");
  EXPECT_THAT(message->answers, ElementsAre("x.example.org", "10.0.0.1", "a\\001\\255"));
  EXPECT_EQ(message->ttl, 60);
}

// Each behind its length, but the first if it is bare.
std::vector<std::string> segment(std::string_view bytes, bool bare) {
  std::vector<std::string> queries;
  for (const auto& message : parse_dns_segment(std::as_bytes(std::span(bytes)), bare))
    queries.push_back(message.query + (message.response ? "!" : ""));
  return queries;
}
std::string framed(const std::string& message) {
  return std::string{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())} + message;
}

TEST(Dns, HowLongAMessageIs) {
  EXPECT_EQ(parse(kQuestion + "more")->size, kQuestion.size());
  // With an OPT record (RFC 6891).
  auto question = kQuestion;
  question[11] = 1;
  EXPECT_EQ(parse(question)->size, 0);
  question += "\0\0\x29\x04\xd0\0\0\0\0\0\x02zz"s;
  EXPECT_EQ(parse(question + "more")->size, question.size());
  EXPECT_EQ(parse(question.substr(0, question.size() - 1))->size, 0);
  const auto answered = answer(1, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"s);
  EXPECT_EQ(parse(answered + "more")->size, answered.size());
  EXPECT_EQ(parse(answered.substr(0, answered.size() - 1))->size, 0);
}

TEST(Dns, AllMessagesOfASegment) {
  auto other = kQuestion;
  other[13] = 'm';
  EXPECT_THAT(segment(framed(kQuestion), false), ElementsAre("www.example.org"));
  EXPECT_THAT(segment(framed(kQuestion) + framed(other) + framed(kQuestion), false),
              ElementsAre("www.example.org", "mww.example.org", "www.example.org"));
  EXPECT_THAT(segment(kQuestion + framed(other), true), ElementsAre("www.example.org", "mww.example.org"));
  EXPECT_THAT(segment(framed(answer(0, "")) + framed(kQuestion), false),
              ElementsAre("www.example.org!", "www.example.org"));
  // What follows is in the next segment, or is nothing.
  EXPECT_THAT(segment(framed(kQuestion) + framed(other).substr(0, 20), false), ElementsAre("www.example.org"));
  EXPECT_THAT(segment(framed(kQuestion) + "\0"s, false), ElementsAre("www.example.org"));
  EXPECT_THAT(segment(framed(kQuestion) + std::string(2000, '\0'), false), ElementsAre("www.example.org"));
  EXPECT_THAT(segment("\0"s, false), IsEmpty());
  EXPECT_THAT(segment("", false), IsEmpty());
  EXPECT_THAT(segment("", true), IsEmpty());
}

TEST(Dns, OddNames) {
  EXPECT_EQ(parse(answer(0, "", 3))->code, "NXDOMAIN");
  EXPECT_EQ(parse("\0\1\0\0\0\1\0\0\0\0\0\0\3a.b\0\0\x41\0\1"s)->query, "a\\.b");
  EXPECT_EQ(parse("\0\1\0\0\0\1\0\0\0\0\0\0\0\0\x41\0\1"s)->type, "TYPE65");
  EXPECT_EQ(parse("\0\1\0\0\0\1\0\0\0\0\0\0\0\0\x02\0\1"s)->query, "");
}

TEST(Dns, WhatMakesNoSense) {
  for (std::size_t size = 0; size < kQuestion.size(); ++size) EXPECT_FALSE(parse(kQuestion.substr(0, size))) << size;
  EXPECT_FALSE(parse("\0\1\0\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"s)) << "a name that points at itself";
  EXPECT_FALSE(parse("\0\1\0\0\0\0\0\0\0\0\0\0"s)) << "no question";
  const auto cut = parse(answer(2, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01\xc0\x0c\x00"s));
  ASSERT_TRUE(cut);
  EXPECT_THAT(cut->answers, ElementsAre("10.0.0.1"));
}

}  // namespace
}  // namespace osprey::events::bpf
