// For tests: the whole API behind its router, without a listener; peers that read slowly.
#pragma once

#include <boost/json.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "server/api/api.h"

namespace osprey::server::api::testing {

// What came of a request.
struct Reply {
  unsigned status = 0;
  http::Headers headers;
  std::string body;

  boost::json::value json() const { return boost::json::parse(body); }
  // The first of this name; empty if there is none.
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return {};
  }
};

class Stream : public http::BodyStream::Link {
 public:
  explicit Stream(Reply& reply) : reply_(reply) {}
  bool write(std::string piece) override {
    reply_.body += piece;
    return true;
  }
  std::size_t unsent() const override { return 0; }
  void when_drained(std::function<void()> go_on) override { go_on(); }
  void finish() override {}

 private:
  Reply& reply_;
};

class Link : public http::Responder::Link {
 public:
  explicit Link(Reply& reply) : reply_(reply) {}
  bool send(http::Response response) override {
    reply_ = {response.status, std::move(response.headers), std::move(response.body)};
    return true;
  }
  http::BodyStream stream(http::Response head) override {
    reply_ = {head.status, std::move(head.headers), {}};
    return http::BodyStream(std::make_shared<Stream>(reply_));
  }
  void park(std::chrono::steady_clock::time_point, http::Response) override {}
  bool open() const override { return true; }

 private:
  Reply& reply_;
};

// Asks `router` as a listener does, and waits for the answer. `target` has the query; a body is sent as JSON.
inline Reply ask(const http::Router& router, http::Method method, std::string target, std::string body = {},
                 http::Headers headers = {}, std::string peer = "192.0.2.1") {
  http::Request request;
  request.method = method;
  request.target = target;
  request.path = target.substr(0, target.find('?'));
  if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
  request.headers = std::move(headers);
  if (!body.empty()) request.headers.emplace_back("content-type", "application/json");
  request.body = std::move(body);
  request.peer = std::move(peer);
  Reply reply;
  auto match = router.find(method, request.path);
  if (!match) {
    Link(reply).send(std::move(match.error()));
    return reply;
  }
  request.parameters = match->parameters;
  match->route->handle(std::move(request), http::Responder(std::make_unique<Link>(reply)));
  return reply;
}

// A peer that reads as much as it is let: what stands in `waiting` goes on when the test says so.
struct Peer {
  http::Response response;
  std::string body;
  std::size_t unsent = 0;
  bool finished = false;
  bool gone = false;
  std::deque<std::function<void()>> waiting;

  void read_all() {
    while (!waiting.empty()) {
      auto go_on = std::move(waiting.front());
      waiting.pop_front();
      unsent = 0;
      go_on();
    }
  }
};

struct PeerStream : http::BodyStream::Link {
  explicit PeerStream(Peer& of) : peer(of) {}
  bool write(std::string piece) override {
    peer.body += piece;
    peer.unsent += piece.size();
    return !peer.gone;
  }
  std::size_t unsent() const override { return peer.unsent; }
  void when_drained(std::function<void()> go_on) override { peer.waiting.push_back(std::move(go_on)); }
  void finish() override { peer.finished = true; }
  Peer& peer;
};

struct PeerLink : http::Responder::Link {
  explicit PeerLink(Peer& of) : peer(of) {}
  bool send(http::Response response) override {
    peer.response = std::move(response);
    return true;
  }
  http::BodyStream stream(http::Response head) override {
    peer.response = std::move(head);
    return http::BodyStream(std::make_shared<PeerStream>(peer));
  }
  void park(std::chrono::steady_clock::time_point, http::Response) override {}
  bool open() const override { return true; }
  Peer& peer;
};

// Asks an endpoint as the router does.
inline void run(const Endpoint& endpoint, http::Request request, const Services& services, Peer& peer) {
  request.method = endpoint.method;
  endpoint.run(request, Context{.services = services, .head = request},
               http::Responder(std::make_unique<PeerLink>(peer)));
}

}  // namespace osprey::server::api::testing
