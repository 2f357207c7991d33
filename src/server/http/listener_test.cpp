#include "server/http/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/temporary_tree.h"
#include "server/http/testing.h"

namespace osprey::server::http {
namespace {

using namespace std::chrono_literals;
using testing::Certificate;
using testing::Client;
using ::testing::HasSubstr;
using testing::make_certificate;
using testing::Reply;
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
  std::size_t parked_count() {
    const std::lock_guard lock(mutex);
    return parked.size();
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
  ASSERT_TRUE(eventually([&] { return listener->counts().parked == 1; }));
  EXPECT_TRUE(parked.front().open());
  EXPECT_TRUE(parked.front().send(text("here it is")));
  EXPECT_EQ(client.reply().body, "here it is");
  EXPECT_EQ(listener->counts().parked, 0);

  park_for = 1ms;
  EXPECT_EQ(client.ask(get("/parked")).body, "nothing came");
  EXPECT_FALSE(parked.back().open());
  EXPECT_FALSE(parked.back().send(text("too late")));
  EXPECT_EQ(client.ask(get("/inline")).body, "from memory");
}

}  // namespace
}  // namespace osprey::server::http
