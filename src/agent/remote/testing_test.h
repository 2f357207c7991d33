// A server for tests: an HTTP client that answers by itself, and the parts around it.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "agent/remote/tls_remote.h"
#include "store/memory_store.h"

namespace osprey::agent {

// What a client was asked, with its own copy of the body.
struct Asked {
  net::HttpClientRequest request;
  std::string body;
  std::size_t client = 0;  // which of those that were opened

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : request.headers)
      if (key == name) return value;
    return {};
  }
};

// By itself it gives node keys "key-1", "key-2"… at /enroll and answers "{}" everywhere else. One thread at a time.
class FakeServer {
 public:
  using Answer = std::function<Result<net::HttpClientResponse>(const Asked&)>;

  static Result<net::HttpClientResponse> reply(std::string body, long status = 200, net::HttpHeaders headers = {}) {
    return net::HttpClientResponse{status, std::move(headers), std::move(body)};
  }
  static Result<net::HttpClientResponse> unreachable() { return failure("https://fleet.test", "Connection refused"); }

  // The next requests are answered so, in order; then it is as before.
  void script(Answer answer) { scripted.push_back(std::move(answer)); }
  void script(const Result<net::HttpClientResponse>& answer) {
    script([answer](const Asked&) { return answer; });
  }

  Result<net::HttpClientResponse> answer(Asked asked_now) {
    asked.push_back(std::move(asked_now));
    const auto& one = asked.back();
    if (!scripted.empty()) {
      const auto next = std::move(scripted.front());
      scripted.pop_front();
      return next(one);
    }
    if (one.request.target.starts_with("/enroll"))
      return reply("{\"node_key\":\"key-" + std::to_string(++keys) + "\"}");
    return reply("{}");
  }

  std::vector<std::string> targets() const {
    std::vector<std::string> all;
    for (const auto& one : asked) all.push_back(one.request.target);
    return all;
  }

  std::vector<Asked> asked;
  std::deque<Answer> scripted;
  std::vector<net::HttpClientOptions> opened;
  int keys = 0;
};

class FakeClient final : public net::HttpClient {
 public:
  FakeClient(FakeServer& server, std::size_t number) : server_(server), number_(number) {}
  Result<net::HttpClientResponse> send(const net::HttpClientRequest& request, const Interrupt&) override {
    Asked asked{request, std::string(request.body), number_};
    asked.request.body = {};
    return server_.answer(std::move(asked));
  }
  Result<net::HttpClientResponse> stream(const net::HttpClientRequest&, const std::function<bool(std::string_view)>&,
                                         const Interrupt&) override {
    return failure({}, "not here");
  }

 private:
  FakeServer& server_;
  std::size_t number_;
};

// What a TlsRemote stands on; time passes only in pauses.
struct FakeWorld {
  explicit FakeWorld(bool osquery) : flags(osquery) {
    program.osquery_compatible = osquery;
    flags.set("tls_hostname", "fleet.test");
    flags.set("tls_server_certs", "/dev/null");
    flags.set("enroll_tls_endpoint", "/enroll");
    status.set_levels({.stderr_least = 9, .sinks_least = 0});
    status.set_receiver([this](const protocol::StatusLine& line) {
      if (line.severity == protocol::Severity::warning) warnings.push_back(line.message);
      if (line.severity == protocol::Severity::info) infos.push_back(line.message);
    });
  }

  RemoteParts parts() {
    return {.program = program,
            .flags = flags,
            .store = *store,
            .status = status,
            .secret = EnrollSecret::of(flags),
            .host_identifier = [] { return "host-1"; },
            .host_details = [] { return R"({"os_version":{"name":"Debian"}})"; },
            .open = [this](const net::HttpClientOptions& options) -> Result<std::unique_ptr<net::HttpClient>> {
              server.opened.push_back(options);
              return std::make_unique<FakeClient>(server, server.opened.size());
            },
            .now = [this] { return time; },
            .pause =
                [this](std::chrono::milliseconds delay, const Interrupt& stop) {
                  pauses.push_back(delay);
                  time += delay;
                  return !stop.requested();
                }};
  }

  std::string stored_key() const {
    return store->get(store::Family::configuration, "identity.node_key").value_or(std::nullopt).value_or("");
  }

  Program program;
  Flags flags;
  StatusLog status;
  std::unique_ptr<store::Store> store = store::memory_store();
  FakeServer server;
  Interrupt::Clock::time_point time{std::chrono::hours(1)};
  std::vector<std::chrono::milliseconds> pauses;
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

}  // namespace osprey::agent
