#include "server/http/request_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "net/gzip.h"

namespace osprey::server::http {
namespace {

using State = RequestReader::State;
using ::testing::HasSubstr;

std::string post(std::string_view headers, std::string_view body) {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n" + std::string(body);
}
std::string sized(std::string_view body, std::string_view headers = "") {
  return post("Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string(headers), body);
}

struct Outcome {
  State state = State::wants_head;
  unsigned status = 0;
  Request request;
  std::string rest;
};

class RequestReaderTest : public ::testing::Test {
 protected:
  // In pieces of `step` bytes.
  Outcome read(std::string_view bytes, std::size_t step = std::string_view::npos) {
    RequestReader reader;
    Outcome outcome;
    while (!bytes.empty()) {
      const auto piece = bytes.substr(0, step);
      bytes.remove_prefix(piece.size());
      outcome.state = reader.feed(piece);
      if (outcome.state == State::has_head) outcome.state = reader.expect_body(rules, budget);
      if (outcome.state == State::refused) outcome.status = reader.refusal().status;
      if (outcome.state == State::complete || outcome.state == State::refused) break;
    }
    outcome.rest = reader.take_rest() + std::string(bytes);
    outcome.request = std::move(reader.request());
    return outcome;
  }
  unsigned refused(std::string_view bytes) {
    const auto outcome = read(bytes);
    EXPECT_EQ(read(bytes, 1).status, outcome.status) << bytes;
    EXPECT_NE(outcome.state, State::complete) << bytes;
    return outcome.status;
  }

  BodyRules rules{.cap = 1000, .gzip = true, .discard = false};
  std::atomic<std::int64_t> used = 0;
  BodyBudget budget{used, 1 << 20};
};

TEST_F(RequestReaderTest, ReadsARequestHoweverItIsCut) {
  const auto bytes =
      "POST /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\nX-Thing:  a value \r\nContent-Length: 4\r\n\r\nbodyGET /next";
  for (const std::size_t step : {1UZ, 2UZ, 3UZ, 7UZ, 1000UZ}) {
    const auto outcome = read(bytes, step);
    ASSERT_EQ(outcome.state, State::complete) << step;
    EXPECT_EQ(outcome.request.method, Method::post);
    EXPECT_EQ(outcome.request.target, "/a%20b?x=1&y");
    EXPECT_EQ(outcome.request.path, "/a%20b");
    EXPECT_EQ(outcome.request.query, "x=1&y");
    EXPECT_EQ(outcome.request.header("x-thing"), "a value");
    EXPECT_EQ(outcome.request.body, "body");
    EXPECT_EQ(outcome.rest, "GET /next");
  }
}

TEST_F(RequestReaderTest, ReadsChunksWithExtensionsAndTrailers) {
  const auto bytes =
      post("Transfer-Encoding: chunked\r\n", "4;a=b\r\nbody\r\n1\r\n!\r\n0\r\nX-Sum: 9\r\nHost: other\r\n\r\nrest");
  for (const std::size_t step : {1UZ, 5UZ, 1000UZ}) {
    const auto outcome = read(bytes, step);
    ASSERT_EQ(outcome.state, State::complete) << step;
    EXPECT_EQ(outcome.request.body, "body!");
    EXPECT_EQ(outcome.request.header("host"), "h");
    EXPECT_EQ(outcome.rest, "rest");
  }
}

TEST_F(RequestReaderTest, ReadsABodyOfNoChunksHoweverItIsCut) {
  for (const std::size_t step : {1UZ, 2UZ, 3UZ, 4UZ, 1000UZ}) {
    const auto outcome = read(post("Transfer-Encoding: chunked\r\n", "0\r\n\r\nrest"), step);
    EXPECT_EQ(outcome.state, State::complete) << step;
    EXPECT_EQ(outcome.rest, "rest");
  }
}

TEST_F(RequestReaderTest, SkipsEmptyLinesBeforeARequestAndTakesTheAbsoluteForm) {
  const auto outcome = read("\r\n\r\nGET http://h:1/x?y HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(outcome.state, State::complete);
  EXPECT_EQ(outcome.request.path, "/x");
  EXPECT_EQ(outcome.request.query, "y");
}

TEST_F(RequestReaderTest, UnpacksGzip) {
  const std::string text(900, 'x');
  for (const std::size_t step : {1UZ, 1000UZ}) {
    EXPECT_EQ(read(sized(net::gzipped(text), "Content-Encoding: gzip\r\n"), step).request.body, text);
    EXPECT_EQ(
        read(sized(net::gzipped("one, ") + net::gzipped("two"), "Content-Encoding: x-gzip\r\n"), step).request.body,
        "one, two");
  }
}

TEST_F(RequestReaderTest, RefusesGzipThatIsTooMuchOrNone) {
  EXPECT_EQ(refused(sized(net::gzipped(std::string(1001, 'x')), "Content-Encoding: gzip\r\n")), 413u);
  EXPECT_EQ(refused(sized(net::gzipped(std::string(64 << 20, '\0')).substr(0, 900), "Content-Encoding: gzip\r\n")),
            413u);
  EXPECT_EQ(refused(sized("no gzip at all", "Content-Encoding: gzip\r\n")), 400u);
  EXPECT_EQ(refused(sized(net::gzipped("text").substr(0, 12), "Content-Encoding: gzip\r\n")), 400u);
  EXPECT_EQ(refused(sized(net::gzipped("text") + "behind it", "Content-Encoding: gzip\r\n")), 400u);
  EXPECT_EQ(refused(sized("x", "Content-Encoding: br\r\n")), 415u);
  rules.gzip = false;
  EXPECT_EQ(refused(sized(net::gzipped("text"), "Content-Encoding: gzip\r\n")), 415u);
  EXPECT_EQ(read(sized("text", "Content-Encoding: identity\r\n")).request.body, "text");
}

TEST_F(RequestReaderTest, RefusesBodiesOverTheCapBeforeTheyAreRead) {
  EXPECT_EQ(refused(post("Content-Length: 1001\r\n", "")), 413u);
  EXPECT_EQ(refused(post("Content-Length: 18446744073709551615\r\n", "")), 413u);
  EXPECT_EQ(refused(post("Transfer-Encoding: chunked\r\n", "3e9\r\n")), 413u);
  EXPECT_EQ(refused(post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFF\r\n")), 413u);
  std::string chunks;
  for (int i = 0; i < 101; ++i) chunks += "a\r\n0123456789\r\n";
  EXPECT_EQ(refused(post("Transfer-Encoding: chunked\r\n", chunks)), 413u);
  EXPECT_EQ(read(sized(std::string(1000, 'x'))).state, State::complete);
}

TEST_F(RequestReaderTest, RefusesRequestsThatTwoReadersWouldCutInTwoWays) {
  for (const auto* headers : {
           "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
           "Content-Length: 4\r\nContent-Length: 5\r\n",
           "Content-Length: 4\r\nContent-Length: 4\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length: +4\r\n",
           "Content-Length: -4\r\n",
           "Content-Length: 0x4\r\n",
           "Content-Length: 4 4\r\n",
           "Content-Length: 4, 5\r\n",
           "Content-Length: 99999999999999999999\r\n",
           "Content-Length:\r\n",
           "Content-Length : 4\r\n",
           "Content-Length: 4\rX: y\r\n",
           "Content-Length: 4\nX: y\r\n",
           "Host: other\r\n",
       }) {
    EXPECT_EQ(refused(post(headers, "body")), 400u) << headers;
  }
  for (const auto* coding : {"gzip, chunked", "chunked, gzip", "xchunked", "identity", "chunked;q=1"}) {
    EXPECT_EQ(refused(post("Transfer-Encoding: " + std::string(coding) + "\r\n", "0\r\n\r\n")), 501u) << coding;
  }
  EXPECT_EQ(refused("GET / HTTP/1.1\r\n\r\n"), 400u);
  EXPECT_EQ(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400u);
  EXPECT_EQ(refused(post("Transfer-Encoding: chunked\r\n", "4\nbody\r\n0\r\n\r\n")), 400u);
  EXPECT_EQ(refused(post("Transfer-Encoding: chunked\r\n", "4\r\nbodyX0\r\n\r\n")), 400u);
  EXPECT_EQ(refused(post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 9\r\n\r\n")), 400u);
  EXPECT_EQ(refused(post("Transfer-Encoding: chunked\r\n", "-4\r\nbody\r\n0\r\n\r\n")), 400u);
}

TEST_F(RequestReaderTest, RefusesTargetsThatAreNoPath) {
  using namespace std::string_literals;
  for (const auto& target : {"x"s,          "*"s,       ""s,     "/a\0b"s,   "/%00"s,      "/%"s,      "/%zz"s,
                             "/%4"s,        "/a/../b"s, "/.."s,  "/./a"s,    "/%2e%2e/a"s, "/%2E./a"s, "/a%2f..%2fb"s,
                             "/%0d%0aX:y"s, "/%7f"s,    "/%ff"s, "/%c0%ae"s, "/a#b"s,      "/\x80"s,   "h:443"s}) {
    EXPECT_EQ(refused("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n"), 400u) << target;
  }
  EXPECT_EQ(read("GET /%252e%252e/..a/a.. HTTP/1.1\r\nHost: h\r\n\r\n").state, State::complete);
}

TEST_F(RequestReaderTest, RefusesWhatItDoesNotSpeak) {
  EXPECT_EQ(refused("OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n"), 501u);
  EXPECT_EQ(refused("BREW / HTTP/1.1\r\nHost: h\r\n\r\n"), 501u);
  EXPECT_EQ(refused("GET / HTTP/1.2\r\nHost: h\r\n\r\n"), 505u);
  EXPECT_EQ(refused("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"), 505u);
  EXPECT_EQ(refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505u);
  EXPECT_EQ(refused("\x16\x03\x01 a ClientHello\r\n\r\n"), 400u);
  EXPECT_EQ(refused(sized("x", "Expect: a pony\r\n")), 417u);
}

TEST_F(RequestReaderTest, RefusesFloodsOfHeaders) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "a: b\r\n";
  EXPECT_EQ(refused(post(many, "")), 431u);
  EXPECT_EQ(refused(post("a: " + std::string(20'000, 'x') + "\r\n", "")), 431u);
  EXPECT_EQ(refused("GET /" + std::string(20'000, 'x')), 431u);
  EXPECT_EQ(refused(post("Transfer-Encoding: chunked\r\n", "1;" + std::string(20'000, 'x'))), 400u);
  // Never more than a header at a time, so that little is ever buffered.
  RequestReader reader;
  State state = reader.feed("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 100 && state == State::wants_head; ++i)
    state = reader.feed("a: " + std::string(300, 'x') + "\r\n");
  EXPECT_EQ(state, State::refused);
  EXPECT_EQ(reader.refusal().status, 431u);
}

TEST_F(RequestReaderTest, BodiesShareABudget) {
  BodyBudget small(used, 1500);
  RequestReader first;
  ASSERT_EQ(first.feed(sized(std::string(1000, 'x')).substr(0, 900)), State::has_head);
  ASSERT_EQ(first.expect_body(rules, small), State::wants_body);
  RequestReader second;
  ASSERT_EQ(second.feed(sized(std::string(1000, 'x'))), State::has_head);
  EXPECT_EQ(second.expect_body(rules, small), State::refused);
  EXPECT_EQ(second.refusal().status, 503u);
  EXPECT_EQ(first.feed(std::string(1000, 'x')), State::complete);
  EXPECT_EQ(used, 1000);
  {
    const auto share = first.take_share();
    EXPECT_EQ(used, 1000);
  }
  EXPECT_EQ(used, 0);
}

TEST_F(RequestReaderTest, KnowsWhoWantsTheConnectionKept) {
  const auto keeps = [](std::string_view bytes) {
    RequestReader reader;
    EXPECT_EQ(reader.feed(bytes), State::has_head);
    return reader.keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

}  // namespace
}  // namespace osprey::server::http
