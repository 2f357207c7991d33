#include "server/http/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "base/percent.h"
#include "base/temporary_tree.h"
#include "server/http/testing.h"

namespace osprey::server::http {
namespace {

using namespace std::chrono_literals;
using testing::Certificate;
using testing::Client;
using ::testing::HasSubstr;
using testing::make_certificate;
using ::testing::StartsWith;

Response text(std::string body, unsigned status = 200) {
  Response response;
  response.status = status;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

std::string get(std::string_view target, std::string_view headers = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
}

std::string post(std::string_view target, std::string_view body, std::string_view headers = "") {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

// Waits for what another thread does; the figure bounds a failure only.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

class ListenerTest : public TemporaryTree {
 protected:
  ListenerTest() {
    options.port = 0;
    options.threads = 2;
    options.workers = 2;
    add(Method::get, "/inline", Runs::on_listener, [](Request, Responder to) { to.send(text("from memory")); });
    add(Method::get, "/worker", Runs::on_worker, [](Request, Responder to) { to.send(text("from a worker")); });
    add(Method::post, "/echo", Runs::on_worker,
        [](Request request, Responder to) { to.send(text(std::move(request.body))); });
    add(Method::get, "/parked", Runs::on_listener, [this](Request, Responder to) {
      to.park(std::chrono::steady_clock::now() + park_for, text("nothing came"));
      const std::lock_guard lock(mutex);
      parked.push_back(std::move(to));
    });
  }

  Route& add(Method method, std::string pattern, Runs runs, std::function<void(Request, Responder)> handle) {
    Route route;
    route.method = method;
    route.pattern = std::move(pattern);
    route.runs = runs;
    route.handle = std::move(handle);
    routes.push_back(std::move(route));
    return routes.back();
  }
  void use_tls() {
    write("server.pem", certificate.certificate);
    write("server.key", certificate.key);
    options.certificate = top / "server.pem";
    options.key = top / "server.key";
  }
  void start() {
    for (auto& route : routes) ASSERT_TRUE(router.add(std::move(route)));
    auto opened = listen(options, router);
    ASSERT_TRUE(opened) << opened.error().text();
    listener = *std::move(opened);
  }
  Client plain() const { return Client(listener->port()); }
  Client tls(const Client::Tls& how = {}) const { return {listener->port(), how}; }
  // Those that /parked has, once they are `count`.
  std::vector<Responder> take_parked(std::size_t count) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return parked.size() == count;
    }));
    const std::lock_guard lock(mutex);
    return std::exchange(parked, {});
  }

  ListenerOptions options;
  Router router;
  std::vector<Route> routes;
  Certificate certificate = make_certificate("osprey test");
  std::chrono::milliseconds park_for{60'000};
  std::mutex mutex;
  std::vector<Responder> parked;
  std::unique_ptr<Listener> listener;
};

TEST_F(ListenerTest, AnswersFromMemoryAndFromAWorkerOverTls) {
  use_tls();
  start();
  auto client = tls();
  ASSERT_TRUE(client.secure());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.ask(get("/inline")).body, "from memory");
    EXPECT_EQ(client.ask(get("/worker")).body, "from a worker");
    EXPECT_EQ(client.ask(post("/echo", "a body")).body, "a body");
  }
  EXPECT_EQ(listener->counts().requests, 9u);
  EXPECT_EQ(listener->counts().handshakes, 1u);
}

TEST_F(ListenerTest, AParkedRequestIsAnsweredFromAnotherThreadOrAtItsDeadline) {
  use_tls();
  start();
  auto client = tls();
  ASSERT_TRUE(client.send(get("/parked")));
  auto waiting = take_parked(1);
  EXPECT_EQ(listener->counts().parked, 1);
  EXPECT_TRUE(waiting.front().open());
  EXPECT_TRUE(waiting.front().send(text("here it is")));
  EXPECT_EQ(client.reply().body, "here it is");
  EXPECT_EQ(listener->counts().parked, 0);

  park_for = 1ms;
  EXPECT_EQ(client.ask(get("/parked")).body, "nothing came");
  waiting = take_parked(1);
  EXPECT_FALSE(waiting.front().open());
  EXPECT_FALSE(waiting.front().send(text("too late")));
  EXPECT_EQ(client.ask(get("/inline")).body, "from memory");
}

// --- HTTP ---

TEST_F(ListenerTest, AnswersPipelinedRequestsInTheirOrder) {
  start();
  auto client = plain();
  ASSERT_TRUE(client.send(get("/worker") + post("/echo", "two") + get("/inline") + get("/nothing") + get("/worker")));
  EXPECT_EQ(client.reply().body, "from a worker");
  EXPECT_EQ(client.reply().body, "two");
  EXPECT_EQ(client.reply().body, "from memory");
  EXPECT_EQ(client.reply().status, 404u);
  EXPECT_EQ(client.reply().body, "from a worker");
}

TEST_F(ListenerTest, APipelinedRequestWaitsBehindAParkedOne) {
  start();
  auto client = plain();
  ASSERT_TRUE(client.send(get("/parked") + get("/inline")));
  take_parked(1).front().send(text("first"));
  EXPECT_EQ(client.reply().body, "first");
  EXPECT_EQ(client.reply().body, "from memory");
}

TEST_F(ListenerTest, HeadGetsTheHeadOfGet) {
  start();
  auto client = plain();
  const auto reply = client.ask("HEAD /inline HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_EQ(reply.header("content-length"), "11");
  EXPECT_EQ(client.ask(get("/inline")).body, "from memory");
  EXPECT_EQ(client.ask("HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n").status, 404u);
  EXPECT_EQ(client.ask(get("/inline")).body, "from memory");
}

TEST_F(ListenerTest, AnswersHaveADateATypeAndNoControlCharacters) {
  add(Method::get, "/split", Runs::on_listener, [](Request request, Responder to) {
    auto response = text("x");
    response.headers.emplace_back("x-echo", *percent_decoded(request.query));
    to.send(std::move(response));
  });
  start();
  auto client = plain();
  const auto reply = client.ask(get("/split?a%0d%0aset-cookie:%20b%00c"));
  EXPECT_EQ(reply.header("x-echo"), "aset-cookie: bc");
  EXPECT_EQ(reply.headers.count("set-cookie"), 0u);
  EXPECT_THAT(reply.header("date"), ::testing::MatchesRegex("[A-Z][a-z]+, [0-9]+ [A-Z][a-z]+ [0-9]+ [0-9:]+ GMT"));
  EXPECT_EQ(reply.header("content-type"), "text/plain");
}

TEST_F(ListenerTest, ContinuesWhoWaitsForItAndOnlyIfTheBodyIsWanted) {
  start();
  auto client = plain();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n";
  EXPECT_EQ(client.ask(head + "Content-Length: 4\r\n\r\n").status, 100u);
  EXPECT_EQ(client.ask("body").body, "body");
  const auto refused = client.ask(head + "Content-Length: 99999999\r\n\r\n");
  EXPECT_EQ(refused.status, 413u);
  EXPECT_EQ(refused.header("connection"), "close");
}

TEST_F(ListenerTest, SpeaksHttp10) {
  add(Method::get, "/stream", Runs::on_worker, [](Request, Responder to) {
    auto stream = to.stream(text(""));
    stream.write("piece by ");
    stream.write("piece");
    stream.finish();
  });
  start();
  auto kept = plain();
  const auto reply = kept.ask("GET /inline HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(reply.header("connection"), "keep-alive");
  EXPECT_EQ(kept.ask("GET /inline HTTP/1.0\r\n\r\n").header("connection"), "close");
  EXPECT_EQ(kept.receive(), "");
  auto streaming = plain();
  const auto stream = streaming.ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(stream.body, "piece by piece");
  EXPECT_EQ(stream.header("transfer-encoding"), "");
}

TEST_F(ListenerTest, ClosesWhenEitherSideAsksForIt) {
  add(Method::get, "/bye", Runs::on_listener, [](Request, Responder to) {
    auto response = text("bye");
    response.close = true;
    to.send(std::move(response));
  });
  use_tls();
  start();
  auto asked = tls();
  EXPECT_EQ(asked.ask(get("/inline", "Connection: close\r\n")).body, "from memory");
  EXPECT_EQ(asked.receive(), "");
  EXPECT_EQ(SSL_get_shutdown(asked.ssl()), SSL_RECEIVED_SHUTDOWN);
  auto told = tls();
  EXPECT_EQ(told.ask(get("/bye")).header("connection"), "close");
  EXPECT_EQ(told.receive(), "");
}

TEST_F(ListenerTest, TheErrorFormIsTheRoutersAndNeverEmpty) {
  router.error = [](const RequestHead& head, unsigned status, std::string what) {
    auto response = head.path.starts_with("/api/osquery/") ? text(R"({"error":"no"})") : problem(head, status, what);
    response.status = status;
    return response;
  };
  add(Method::post, "/api/osquery/log", Runs::on_worker, [](Request, Responder) {});
  start();
  for (const auto* request :
       {"GET /api/osquery/none HTTP/1.1\r\nHost: h\r\n\r\n", "GET /api/osquery/log HTTP/1.1\r\n\r\n",
        "POST /api/osquery/log HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n",
        "POST /api/osquery/log HTTP/1.1\r\nHost: h\r\n\r\n"}) {
    auto client = plain();
    const auto reply = client.ask(request);
    EXPECT_GE(reply.status, 400u);
    EXPECT_EQ(reply.body, R"({"error":"no"})") << request;
  }
  auto client = plain();
  EXPECT_THAT(client.ask("nonsense\r\n\r\n").body, HasSubstr(R"("status":400)"));
}

TEST_F(ListenerTest, AHandlerThatThrowsOrForgetsIsA500) {
  std::mutex log_mutex;
  std::vector<std::string> log;
  options.log = [&](std::string line) {
    const std::lock_guard lock(log_mutex);
    log.push_back(std::move(line));
  };
  for (const auto runs : {Runs::on_listener, Runs::on_worker}) {
    const std::string name = runs == Runs::on_worker ? "worker" : "listener";
    add(Method::get, "/throws/" + name, runs, [](Request, Responder) { throw std::runtime_error("a bug"); });
    add(Method::get, "/forgets/" + name, runs, [](Request, Responder) {});
  }
  start();
  auto client = plain();
  for (const auto* path : {"/throws/worker", "/throws/listener", "/forgets/worker", "/forgets/listener"}) {
    EXPECT_EQ(client.ask(get(path)).status, 500u) << path;
  }
  EXPECT_EQ(client.ask(get("/inline")).status, 200u);
  EXPECT_EQ(listener->counts().errors_5xx, 4u);
  listener.reset();
  EXPECT_THAT(log, ::testing::UnorderedElementsAre("/throws/worker: the handler threw: a bug",
                                                   "/throws/listener: the handler threw: a bug"));
}

TEST_F(ListenerTest, RefusesByTheHeadBeforeTheBodyIsRead) {
  auto& route = add(Method::post, "/guarded", Runs::on_worker,
                    [](Request request, Responder to) { to.send(text(std::to_string(request.body.size()))); });
  route.admit = [](const RequestHead& head) -> std::optional<Response> {
    if (head.header("authorization") == "NodeKey right") return std::nullopt;
    return text("who are you?", 401);
  };
  route.body_cap = 32 << 20;
  start();
  auto client = plain();
  EXPECT_EQ(client.ask(post("/guarded", "small", "Authorization: NodeKey right\r\n")).body, "5");
  // A small body is read and forgotten, and the connection stays.
  EXPECT_EQ(client.ask(post("/guarded", "small")).status, 401u);
  EXPECT_EQ(client.ask(post("/guarded", std::string(60'000, 'x'))).status, 401u);
  EXPECT_EQ(client.ask(get("/inline")).status, 200u);
  EXPECT_EQ(listener->counts().body_bytes, 0);
  const auto reply = client.ask("POST /guarded HTTP/1.1\r\nHost: h\r\nContent-Length: 30000000\r\n\r\n");
  EXPECT_EQ(reply.status, 401u);
  EXPECT_EQ(reply.header("connection"), "close");
}

TEST_F(ListenerTest, AFullQueueIs503WithRetryAfter) {
  std::mutex gate;
  options.workers = 1;
  options.queued_requests = 2;
  std::atomic<bool> taken = false;
  add(Method::get, "/slow", Runs::on_worker, [&](Request, Responder to) {
    taken = true;
    const std::lock_guard lock(gate);
    to.send(text("done"));
  });
  start();
  std::vector<Client> clients;
  {
    const std::lock_guard lock(gate);
    clients.push_back(plain());
    ASSERT_TRUE(clients.back().send(get("/slow")));
    ASSERT_TRUE(eventually([&] { return taken.load(); }));
    for (int i = 0; i < 2; ++i) {
      clients.push_back(plain());
      ASSERT_TRUE(clients.back().send(get("/slow")));
    }
    ASSERT_TRUE(eventually([&] { return listener->counts().queued == 2; }));
    auto client = plain();
    const auto reply = client.ask(get("/slow"));
    EXPECT_EQ(reply.status, 503u);
    EXPECT_EQ(reply.header("retry-after"), "5");
    EXPECT_EQ(client.ask(get("/inline")).status, 200u);
  }
  for (auto& client : clients) EXPECT_EQ(client.reply().body, "done");
}

TEST_F(ListenerTest, KnowsTheClientBehindATrustedBalancer) {
  options.trusted_balancers = {"127.0.0.0/8"};
  add(Method::get, "/peer", Runs::on_listener, [](Request request, Responder to) { to.send(text(request.peer)); });
  start();
  auto client = plain();
  EXPECT_EQ(client.ask(get("/peer")).body, "127.0.0.1");
  EXPECT_EQ(client.ask(get("/peer", "X-Forwarded-For: 1.1.1.1, 192.0.2.7\r\n")).body, "192.0.2.7");
  EXPECT_EQ(client.ask(get("/peer", "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 192.0.2.8\r\n")).body, "192.0.2.8");
}

// --- answers from elsewhere ---

TEST_F(ListenerTest, OneBroadcastAnswersManyParkedRequests) {
  constexpr std::size_t kMany = 300;
  use_tls();
  start();
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kMany; ++i) {
    clients.push_back(tls());
    ASSERT_TRUE(clients.back().send(get("/parked")));
  }
  auto waiting = take_parked(kMany);
  EXPECT_EQ(listener->counts().parked, static_cast<std::int64_t>(kMany));
  const auto body = std::make_shared<const std::string>(40'000, 'x');
  for (auto& one : waiting) {
    Response response;
    response.shared_body = body;
    EXPECT_TRUE(one.send(std::move(response)));
  }
  for (auto& client : clients) EXPECT_EQ(client.reply().body, *body);
  EXPECT_EQ(listener->counts().parked, 0);
}

TEST_F(ListenerTest, SeesThatAParkedClientIsGone) {
  use_tls();
  start();
  for (const bool abruptly : {false, true}) {
    auto client = tls();
    ASSERT_TRUE(client.send(get("/parked")));
    auto waiting = take_parked(1);
    EXPECT_TRUE(waiting.front().open());
    if (!abruptly) SSL_shutdown(client.ssl());
    client.close();
    EXPECT_TRUE(eventually([&] { return !waiting.front().open(); }));
    EXPECT_FALSE(waiting.front().send(text("to nobody")));
    EXPECT_TRUE(eventually([&] { return listener->counts().connections == 0; }));
    EXPECT_EQ(listener->counts().parked, 0);
  }
}

TEST_F(ListenerTest, AResponderOutlivesTheListener) {
  start();
  auto client = plain();
  ASSERT_TRUE(client.send(get("/parked")));
  auto waiting = take_parked(1);
  listener.reset();
  EXPECT_FALSE(waiting.front().open());
  EXPECT_FALSE(waiting.front().send(text("too late")));
  auto stream = waiting.front().stream(text(""));
  EXPECT_FALSE(stream.write("x"));
}

class StreamTest : public ListenerTest {
 protected:
  StreamTest() {
    add(Method::get, "/stream", Runs::on_worker, [this](Request, Responder to) {
      auto begun = to.stream(text(""));
      const std::lock_guard lock(mutex);
      stream.emplace(std::move(begun));
    });
  }
  BodyStream opened() {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return stream.has_value();
    }));
    const std::lock_guard lock(mutex);
    return *std::exchange(stream, std::nullopt);
  }
  std::optional<BodyStream> stream;
};

TEST_F(StreamTest, ArrivesPieceByPiece) {
  use_tls();
  start();
  auto client = tls();
  ASSERT_TRUE(client.send(get("/stream")));
  {
    auto out = opened();
    EXPECT_THAT(client.receive(), HasSubstr("transfer-encoding: chunked\r\n"));
    EXPECT_TRUE(out.write("one"));
    EXPECT_EQ(client.receive(), "3\r\none\r\n");
    EXPECT_TRUE(out.write("two"));
    EXPECT_EQ(client.receive(), "3\r\ntwo\r\n");
    out.finish();
    EXPECT_FALSE(out.write("after the end"));
  }
  EXPECT_EQ(client.receive(), "0\r\n\r\n");
  EXPECT_EQ(client.ask(get("/inline")).body, "from memory");
  EXPECT_EQ(listener->counts().streams, 0);
}

TEST_F(StreamTest, WithoutItsEndItEndsTheConnection) {
  start();
  auto client = plain();
  ASSERT_TRUE(client.send(get("/stream")));
  opened().write("a part");
  const auto reply = client.reply();
  EXPECT_FALSE(reply.whole);
}

TEST_F(StreamTest, TellsTheWriterThatTheClientIsGone) {
  use_tls();
  start();
  auto client = tls();
  ASSERT_TRUE(client.send(get("/stream")));
  auto out = opened();
  ASSERT_TRUE(eventually([&] { return listener->counts().streams == 1; }));
  client.close();
  EXPECT_TRUE(eventually([&] { return !out.write("x"); }));
  std::atomic<bool> called = false;
  out.when_drained([&] { called = true; });
  EXPECT_TRUE(eventually([&] { return called.load(); }));
}

TEST_F(StreamTest, WhoLooksAtUnsentNeverHoldsMuch) {
  use_tls();
  start();
  auto client = tls();
  ASSERT_TRUE(client.send(get("/stream")));
  auto out = opened();
  // Nobody reads: what the kernel takes is over at some time.
  const std::string piece(100'000, 'x');
  std::size_t written = 0;
  ASSERT_TRUE(eventually([&] {
    while (out.unsent() < 200'000 && written < 100'000'000) {
      out.write(piece);
      written += piece.size();
    }
    std::this_thread::sleep_for(10ms);
    return out.unsent() >= 200'000;
  }));
  std::atomic<bool> drained = false;
  out.when_drained([&, out]() mutable {
    drained = true;
    out.finish();
  });
  EXPECT_FALSE(drained);
  const auto reply = client.reply();
  EXPECT_TRUE(drained);
  EXPECT_TRUE(reply.whole);
  EXPECT_EQ(reply.body.size(), written);
}

TEST_F(StreamTest, WhoWritesWithoutLookingLosesTheConnection) {
  start();
  auto client = plain();
  ASSERT_TRUE(client.send(get("/stream")));
  auto out = opened();
  const std::string piece(1 << 20, 'x');
  int written = 0;
  while (written < 200 && out.write(piece)) ++written;
  EXPECT_LT(written, 100);
  EXPECT_TRUE(eventually([&] { return listener->counts().connections == 0; }));
}

// --- TLS ---

class TlsTest : public ListenerTest {
 protected:
  TlsTest() { use_tls(); }
};

TEST_F(TlsTest, SpeaksTls12AndNewerWithForwardSecrecyAndAeadOnly) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto client = tls({.least = version, .most = version});
    EXPECT_EQ(client.ask(get("/inline")).status, 200u);
    EXPECT_EQ(SSL_version(client.ssl()), version);
  }
  EXPECT_FALSE(tls({.most = TLS1_1_VERSION}).secure());
  for (const auto* cipher : {"ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"}) {
    EXPECT_FALSE(tls({.most = TLS1_2_VERSION, .ciphers = cipher}).secure()) << cipher;
  }
  EXPECT_TRUE(tls({.most = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"}).secure());
  EXPECT_TRUE(eventually([&] { return listener->counts().handshake_failures == 4; }));
}

TEST_F(TlsTest, ResumesSessionsByOneTicketAlsoAfterACertificateIsReadAnew) {
  start();
  std::uint64_t resumed = 0;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto first = tls({.least = version, .most = version});
    ASSERT_EQ(first.ask(get("/inline")).status, 200u);
    const testing::OpenSslPointer<SSL_SESSION, SSL_SESSION_free> session(SSL_SESSION_dup(SSL_get_session(first.ssl())));
    EXPECT_GT(SSL_SESSION_get_ticket_lifetime_hint(session.get()), 3600u);
    auto second = tls({.least = version, .most = version, .session = session.get()});
    ASSERT_EQ(second.ask(get("/inline")).status, 200u);
    EXPECT_EQ(SSL_session_reused(second.ssl()), 1);
    EXPECT_EQ(listener->counts().resumed, ++resumed);
    ASSERT_TRUE(listener->reload_certificate());
    auto third = tls({.least = version, .most = version, .session = session.get()});
    ASSERT_EQ(third.ask(get("/inline")).status, 200u);
    EXPECT_EQ(listener->counts().resumed, ++resumed);
  }
}

TEST_F(TlsTest, ServersWithOneSeedAndCertificateResumeEachOthersSessions) {
  options.ticket_seed = "one";
  start();
  options.port = 0;
  const auto other = *listen(options, router);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ASSERT_TRUE(other->share_tickets("one"));
    auto first = tls({.least = version, .most = version});
    ASSERT_EQ(first.ask(get("/inline")).status, 200u);
    const testing::OpenSslPointer<SSL_SESSION, SSL_SESSION_free> session(SSL_SESSION_dup(SSL_get_session(first.ssl())));
    const auto is_resumed = [&] {
      Client again(other->port(), {.least = version, .most = version, .session = session.get()});
      EXPECT_EQ(again.ask(get("/inline")).status, 200u);
      return SSL_session_reused(again.ssl()) == 1;
    };
    EXPECT_TRUE(is_resumed());
    ASSERT_TRUE(other->share_tickets("two"));
    EXPECT_FALSE(is_resumed());
  }
  // The seed alone is nothing.
  const auto stranger = make_certificate("another");
  write("server.pem", stranger.certificate);
  write("server.key", stranger.key);
  ASSERT_TRUE(other->share_tickets("one"));
  auto first = tls();
  ASSERT_EQ(first.ask(get("/inline")).status, 200u);
  const testing::OpenSslPointer<SSL_SESSION, SSL_SESSION_free> session(SSL_SESSION_dup(SSL_get_session(first.ssl())));
  Client again(other->port(), {.session = session.get()});
  EXPECT_EQ(again.ask(get("/inline")).status, 200u);
  EXPECT_EQ(SSL_session_reused(again.ssl()), 0);
}

TEST_F(TlsTest, ReadsACertificateAnewAndKeepsTheOldOneIfItCannot) {
  start();
  const auto subject = [&] {
    const auto client = tls();
    const testing::OpenSslPointer<X509, X509_free> shown(SSL_get1_peer_certificate(client.ssl()));
    std::array<char, 100> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name.data(), name.size());
    return std::string(name.data());
  };
  auto before = tls();
  EXPECT_EQ(subject(), "osprey test");
  write("server.pem", "no certificate");
  const auto failed = listener->reload_certificate();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().subject, options.certificate);
  EXPECT_EQ(subject(), "osprey test");
  const auto other = make_certificate("renewed");
  write("server.pem", other.certificate);
  EXPECT_FALSE(listener->reload_certificate());  // another's key
  write("server.key", other.key);
  EXPECT_TRUE(listener->reload_certificate());
  EXPECT_EQ(subject(), "renewed");
  EXPECT_EQ(before.ask(get("/inline")).status, 200u);
}

TEST_F(TlsTest, ClientCertificatesOptionalOrRequired) {
  const auto authority = make_certificate("authority");
  const auto known = make_certificate("host,7", &authority);
  const auto unknown = make_certificate("stranger");
  write("authority.pem", authority.certificate);
  options.client_authorities = top / "authority.pem";
  add(Method::get, "/who", Runs::on_listener,
      [](Request request, Responder to) { to.send(text("<" + request.client_certificate + ">")); });
  options.client_certificates = ClientCertificates::optional;
  start();
  EXPECT_EQ(tls().ask(get("/who")).body, "<>");
  EXPECT_EQ(tls({.certificate = known}).ask(get("/who")).body, "<CN=host\\,7>");
  EXPECT_EQ(tls({.certificate = unknown}).ask(get("/who")).status, 0u);

  options.client_certificates = ClientCertificates::required;
  options.port = 0;
  auto strict = listen(options, router);
  ASSERT_TRUE(strict);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto ask = [&](const Certificate& shown) {
      return Client((*strict)->port(), {.least = version, .most = version, .certificate = shown}).ask(get("/who"));
    };
    EXPECT_EQ(ask({}).status, 0u);
    EXPECT_EQ(ask(unknown).status, 0u);
    EXPECT_EQ(ask(known).body, "<CN=host\\,7>");
  }
  EXPECT_EQ((*strict)->counts().requests, 2u);
  auto begun = Client((*strict)->port(), {.certificate = known});
  ASSERT_EQ(begun.ask(get("/who")).status, 200u);
  const testing::OpenSslPointer<SSL_SESSION, SSL_SESSION_free> session(SSL_SESSION_dup(SSL_get_session(begun.ssl())));
  auto resumed = Client((*strict)->port(), {.session = session.get()});
  EXPECT_EQ(resumed.ask(get("/who")).body, "<CN=host\\,7>");
  EXPECT_EQ(SSL_session_reused(resumed.ssl()), 1);
}

TEST_F(TlsTest, RefusesFilesAndOptionsThatDoNotFit) {
  for (auto& route : routes) ASSERT_TRUE(router.add(std::move(route)));
  const auto error = [&](auto change) {
    auto changed = options;
    change(changed);
    const auto opened = listen(changed, router);
    return opened ? "" : opened.error().text();
  };
  EXPECT_EQ(error([](auto&) {}), "");
  EXPECT_THAT(error([&](auto& o) { o.certificate = top / "none"; }), StartsWith((top / "none").string()));
  EXPECT_THAT(error([&](auto& o) { o.key = ""; }), HasSubstr("no PEM key"));
  EXPECT_THAT(error([&](auto& o) { o.client_certificates = ClientCertificates::required; }), HasSubstr("authorities"));
  EXPECT_THAT(error([&](auto& o) { o.trusted_balancers = {"me"}; }), HasSubstr("10.0.0.0/8"));
  EXPECT_THAT(error([&](auto& o) { o.address = "256.1.1.1"; }), StartsWith("256.1.1.1: "));
  EXPECT_THAT(error([&](auto& o) { o.address = "0.0.0.0", o.certificate = o.key = ""; }), HasSubstr("loopback"));
  const auto first = listen(options, router);
  ASSERT_TRUE(first);
  EXPECT_THAT(error([&](auto& o) { o.port = (*first)->port(); }), HasSubstr("in use"));
}

// --- hostile clients ---

class HostileTest : public ListenerTest {
 protected:
  HostileTest() {
    options.handshake_time = 1s;
    options.head_time = 1s;
    options.body_time = 1s;
    options.write_time = 1s;
  }
};

TEST_F(HostileTest, SlowHeadsAndBodiesEndWith408) {
  start();
  auto head = plain();
  auto body = plain();
  ASSERT_TRUE(body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"));
  // A byte now and then buys no time.
  const auto drip = [](Client& client, std::string_view byte) {
    for (int i = 0; i < 100 && client.send(byte); ++i) {
      std::this_thread::sleep_for(20ms);
      char one = 0;
      if (::recv(client.fd(), &one, 1, MSG_PEEK | MSG_DONTWAIT) == 1) break;
    }
  };
  std::jthread other([&] { drip(body, "x"); });
  ASSERT_TRUE(head.send("GET /"));
  drip(head, "a");
  other.join();
  for (auto* client : {&head, &body}) {
    const auto reply = client->reply();
    EXPECT_EQ(reply.status, 408u);
    EXPECT_EQ(reply.header("connection"), "close");
    EXPECT_NE(reply.body, "");
  }
  EXPECT_EQ(listener->counts().timeouts, 2u);
  EXPECT_EQ(plain().ask(get("/inline")).status, 200u);
}

TEST_F(HostileTest, APartOfATlsRecordBuysNoTime) {
  use_tls();
  start();
  auto client = tls();
  ASSERT_EQ(client.ask("HEAD /inline HTTP/1.1\r\nHost: h\r\n\r\n").status, 200u);
  ASSERT_EQ(::send(client.fd(), "\x17\x03\x03\x40\x00part", 9, MSG_NOSIGNAL), 9);
  const auto reply = client.reply();
  EXPECT_EQ(reply.status, 408u);
  EXPECT_NE(reply.body, "");
}

TEST_F(HostileTest, WhoDoesNotReadABigAnswerIsCut) {
  add(Method::get, "/big", Runs::on_worker, [](Request, Responder to) { to.send(text(std::string(64 << 20, 'x'))); });
  start();
  auto client = plain();
  ASSERT_TRUE(client.send(get("/big")));
  EXPECT_TRUE(eventually([&] { return listener->counts().timeouts == 1; }));
  EXPECT_TRUE(eventually([&] { return listener->counts().connections == 0; }));
  EXPECT_FALSE(client.reply().whole);
}

TEST_F(HostileTest, WhoReadsABigAnswerSlowlyGetsItWhole) {
  add(Method::get, "/big", Runs::on_worker, [](Request, Responder to) { to.send(text(std::string(16 << 20, 'x'))); });
  use_tls();
  start();
  auto client = tls();
  ASSERT_TRUE(client.send(get("/big", "Connection: close\r\n")));
  std::size_t got = 0;
  for (int i = 0; i < 30; ++i) {
    got += client.receive().size();
    std::this_thread::sleep_for(50ms);
  }
  got += client.receive_all().size();
  EXPECT_GT(got, 16U << 20);
}

TEST_F(HostileTest, HalfOpenHandshakesKeepNobodyOut) {
  use_tls();
  options.threads = 1;
  options.handshakes = 50;
  options.handshake_time = 60s;
  start();
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 2000; ++i) {
    silent.push_back(testing::connect_to(listener->port()));
    // Half of them begin a ClientHello.
    if (i % 2 == 0) ::send(silent.back().get(), "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL);
    if (i == 120) {
      auto client = tls();
      EXPECT_EQ(client.ask(get("/inline")).status, 200u);
    }
  }
  EXPECT_LE(listener->counts().connections, 52);
  EXPECT_GT(listener->counts().handshake_failures, 50u);
}

TEST_F(HostileTest, AHundredMebibytesAreRefusedBeforeTheyAreRead) {
  use_tls();
  start();
  auto client = tls();
  ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 104857600\r\n\r\n"));
  const std::string piece(1 << 20, 'x');
  int sent = 0;
  while (sent < 100 && client.send(piece)) ++sent;
  EXPECT_EQ(sent, 100);  // taken off the wire, so that the answer is not lost in a reset
  const auto reply = client.reply();
  EXPECT_EQ(reply.status, 413u);
  EXPECT_THAT(reply.body, HasSubstr("1048576 bytes"));
  EXPECT_EQ(client.receive(), "");
  EXPECT_LT(listener->counts().bytes_in, 1U << 20);
  EXPECT_EQ(listener->counts().body_bytes, 0);
}

TEST_F(HostileTest, ContentLengthThatLies) {
  start();
  auto more = plain();  // says more than it sends, and goes
  ASSERT_TRUE(more.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nshort"));
  ::shutdown(more.fd(), SHUT_WR);
  EXPECT_EQ(more.receive(), "");
  auto less = plain();  // what is too much is the next request
  ASSERT_TRUE(less.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody and more\r\n\r\n"));
  EXPECT_EQ(less.reply().body, "body");
  EXPECT_EQ(less.reply().status, 400u);
  EXPECT_EQ(less.receive(), "");
}

TEST_F(HostileTest, AllBodiesShareALimit) {
  auto& route = add(Method::post, "/large", Runs::on_worker,
                    [](Request request, Responder to) { to.send(text(std::to_string(request.body.size()))); });
  route.body_cap = 1 << 20;
  options.body_memory = 1 << 20;
  options.body_time = 60s;
  start();
  auto holder = plain();
  ASSERT_TRUE(holder.send(post("/large", std::string(700'000, 'x')).substr(0, 690'000)));
  ASSERT_TRUE(eventually([&] { return listener->counts().body_bytes > 600'000; }));
  auto second = plain();
  ASSERT_TRUE(second.send(post("/large", std::string(700'000, 'x'))));
  const auto reply = second.reply();
  EXPECT_EQ(reply.status, 503u);
  EXPECT_EQ(reply.header("retry-after"), "5");
  holder.close();
  EXPECT_TRUE(eventually([&] { return listener->counts().body_bytes == 0; }));
  auto third = plain();
  EXPECT_EQ(third.ask(post("/large", std::string(700'000, 'x'))).body, "700000");
  EXPECT_TRUE(eventually([&] { return listener->counts().body_bytes == 0; }));
}

TEST_F(HostileTest, RequestsForTwoReadersEndTheConnection) {
  start();
  for (const auto* headers :
       {"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked, chunked\r\n"}) {
    auto client = plain();
    ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: h\r\n" + std::string(headers) +
                            "\r\n0\r\n\r\nGET /inline HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_GE(client.reply().status, 400u);
    EXPECT_EQ(client.receive_all(), "") << headers;
  }
  EXPECT_EQ(listener->counts().requests, 3u);
}

class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t most) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{.rlim_cur = most, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~DescriptorLimit() { lift(); }
  void lift() const { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(HostileTest, WithoutDescriptorsTheOthersAreServed) {
  use_tls();
  options.threads = 1;
  start();
  auto kept = tls();
  ASSERT_EQ(kept.ask(get("/inline")).status, 200u);
  std::vector<UniqueFd> all;
  const int own = ::dup(kept.fd());
  // Of a client that stands ready, as its own descriptor comes before they are gone.
  UniqueFd waiting(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const DescriptorLimit limit(static_cast<rlim_t>(own));
  while (true) {
    UniqueFd fd(::dup(own));
    if (!fd) break;
    all.push_back(std::move(fd));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(listener->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(waiting.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(eventually([&] { return listener->counts().refused == 1; }));
  char byte = 0;
  EXPECT_EQ(::recv(waiting.get(), &byte, 1, 0), 0);
  EXPECT_EQ(kept.ask(get("/worker")).status, 200u);
  all.clear();
  limit.lift();
  ::close(own);
  EXPECT_EQ(tls().ask(get("/inline")).status, 200u);
}

TEST_F(HostileTest, BeyondItsConnectionsItRefusesAndServesTheOthers) {
  options.connections = 3;
  start();
  std::vector<Client> kept;
  for (int i = 0; i < 3; ++i) {
    kept.push_back(plain());
    ASSERT_EQ(kept.back().ask(get("/inline")).status, 200u);
  }
  auto refused = plain();
  EXPECT_EQ(refused.receive(), "");
  EXPECT_EQ(listener->counts().refused, 1u);
  for (auto& client : kept) EXPECT_EQ(client.ask(get("/inline")).status, 200u);
  kept.pop_back();
  EXPECT_TRUE(eventually([&] { return plain().ask(get("/inline")).status == 200; }));
}

TEST_F(HostileTest, WhoIsIdleForLongestMakesPlace) {
  options.connections = 2;
  options.threads = 1;
  options.yield_time = 0s;
  start();
  auto first = plain();
  ASSERT_EQ(first.ask(get("/inline")).status, 200u);
  auto second = plain();
  ASSERT_EQ(second.ask(get("/inline")).status, 200u);
  ASSERT_EQ(first.ask(get("/inline")).status, 200u);
  auto third = plain();
  EXPECT_EQ(third.ask(get("/inline")).status, 200u);
  EXPECT_EQ(second.receive(), "");
  EXPECT_EQ(first.ask(get("/inline")).status, 200u);
}

// --- the end ---

TEST_F(ListenerTest, StopsInOrder) {
  std::atomic<bool> working = false;
  add(Method::get, "/slow", Runs::on_worker, [&](Request, Responder to) {
    working = true;
    std::this_thread::sleep_for(100ms);
    to.send(text("done"));
  });
  use_tls();
  start();
  auto idle = tls();
  auto waiting = tls();
  auto slow = tls();
  ASSERT_TRUE(waiting.send(get("/parked")));
  ASSERT_TRUE(slow.send(get("/slow")));
  ASSERT_TRUE(eventually([&] { return listener->counts().parked == 1 && working; }));
  std::jthread stopping([&] { listener->stop(10s); });
  const auto at_deadline = waiting.reply();
  EXPECT_EQ(at_deadline.body, "nothing came");
  EXPECT_EQ(at_deadline.header("connection"), "close");
  EXPECT_EQ(slow.reply().body, "done");
  EXPECT_EQ(idle.receive(), "");
  EXPECT_EQ(SSL_get_shutdown(idle.ssl()), SSL_RECEIVED_SHUTDOWN);
  for (auto* client : {&idle, &waiting, &slow}) client->close();
  stopping.join();
  EXPECT_FALSE(Client(listener->port()).send("x"));
  EXPECT_EQ(listener->counts().connections, 0);
}

TEST_F(StreamTest, StoppingWaitsNoLongerThanItIsTold) {
  start();
  auto client = plain();
  ASSERT_TRUE(client.send(get("/stream")));
  auto out = opened();
  listener->stop(50ms);
  EXPECT_FALSE(out.write("x"));
  EXPECT_FALSE(client.reply().whole);
  listener->stop(50ms);
}

TEST_F(ListenerTest, RunsJobsOnAWorker) {
  start();
  std::atomic<int> ran = 0;
  listener->post([] { throw std::runtime_error("a bug"); });
  for (int i = 0; i < 10; ++i) listener->post([&] { ++ran; });
  EXPECT_TRUE(eventually([&] { return ran == 10; }));
}

}  // namespace
}  // namespace osprey::server::http
