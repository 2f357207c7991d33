// Responder: the one answer to one request, given now or later, from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "server/http/message.h"

namespace osprey::server::http {

// A body sent piece by piece (chunked). Thread-safe; copies are the same stream. The connection is closed if the last
// copy goes without finish(), so that the reader knows that it is not whole.
class BodyStream {
 public:
  // What a listener promises of a connection.
  class Link {
   public:
    virtual ~Link() = default;
    virtual bool write(std::string piece) = 0;
    virtual std::size_t unsent() const = 0;
    virtual void when_drained(std::function<void()> go_on) = 0;
    virtual void finish() = 0;
  };
  explicit BodyStream(std::shared_ptr<Link> link) : link_(std::move(link)) {}

  // False: the peer is gone, nothing more is of use. Never blocks; what the peer has not taken yet is kept, see
  // unsent().
  bool write(std::string piece) { return link_->write(std::move(piece)); }
  // Bytes written and not yet taken by the socket: who produces faster than the peer reads stops at a mark of its own.
  std::size_t unsent() const { return link_->unsent(); }
  // Calls once, on a worker, when little is unsent or the peer is gone.
  void when_drained(std::function<void()> go_on) { link_->when_drained(std::move(go_on)); }
  void finish() { link_->finish(); }

 private:
  std::shared_ptr<Link> link_;
};

// Move-only. One that goes without an answer has the listener send 500.
class Responder {
 public:
  class Link {
   public:
    virtual ~Link() = default;
    virtual bool send(Response response) = 0;
    virtual BodyStream stream(Response head) = 0;
    virtual void park(std::chrono::steady_clock::time_point deadline, Response at_deadline) = 0;
    virtual bool open() const = 0;
  };
  explicit Responder(std::unique_ptr<Link> link) : link_(std::move(link)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) noexcept = default;

  // False: too late, the peer is gone or the deadline's answer has been sent. Once.
  bool send(Response response) { return link_->send(std::move(response)); }
  // Sends the head (its body is not used) and lets the body follow. Once, instead of send().
  BodyStream stream(Response head) { return link_->stream(std::move(head)); }
  // Waiting for something: holds a connection and no thread. Without an answer by then `at_deadline` is sent.
  void park(std::chrono::steady_clock::time_point deadline, Response at_deadline) {
    link_->park(deadline, std::move(at_deadline));
  }
  // Somebody still waits.
  bool open() const { return link_->open(); }

 private:
  std::unique_ptr<Link> link_;
};

}  // namespace osprey::server::http
