// Exchange: the one answer to one request on its way from whoever has the Responder, on any thread, to the connection
// on its own. Mailbox: how it gets to that thread, many at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/http/message.h"
#include "server/http/responder.h"
#include "server/http/worker_pool.h"

namespace osprey::server::http {

class Connection;
class Exchange;

// A body on its way: filled by any thread, emptied by the connection's.
class StreamState {
 public:
  explicit StreamState(std::shared_ptr<WorkerPool> workers) : workers_(std::move(workers)) {}

  // What the writer does. True from `tell`: the connection is to be told.
  bool write(std::string piece, bool& tell);
  bool finish();  // true: the connection is to be told
  bool abort();   // the same, unless finish() came before
  std::size_t unsent() const;
  void when_drained(std::function<void()> go_on);

  // What the connection does.
  struct Next {
    std::string bytes;
    bool finished = false;
  };
  // The writer went without finish(), or wrote far more than the peer takes.
  bool aborted() const;
  // All that is there; what was taken before has been sent.
  Next next();
  void gone();

 private:
  static constexpr std::size_t kDrained = 64 << 10;
  // Somebody writes and never looks at unsent(): the connection ends.
  static constexpr std::size_t kMost = 64 << 20;
  using Waiting = std::vector<std::function<void()>>;
  void call(Waiting waiting);  // without the mutex: what is called may hold the last copy of the stream

  std::shared_ptr<WorkerPool> workers_;
  mutable std::mutex mutex_;
  std::string queued_;
  std::size_t being_sent_ = 0;
  bool told_ = false, finished_ = false, aborted_ = false, gone_ = false;
  Waiting waiting_;
};

// What is said to a connection about its exchange.
struct Letter {
  enum class Kind : std::uint8_t {
    answer,     // `response`
    abandoned,  // the Responder went without an answer
    park,       // until `deadline`, then `response`
    stream,     // `response` is the head
    go_on,      // the stream has more, or an end
  };
  Kind kind = Kind::answer;
  std::shared_ptr<Exchange> exchange;
  Response response;
  std::chrono::steady_clock::time_point deadline;
  std::shared_ptr<StreamState> stream;
};

// Of one listener thread; outlives it, so that a Responder may.
class Mailbox {
 public:
  // `wake` has the thread call take() soon.
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  // False: the listener is gone. One wake for all that is posted until the next take().
  bool post(Letter letter);
  std::vector<Letter> take();
  void close();
  // Before the first post.
  void belongs_to_this_thread() { owner_ = std::this_thread::get_id(); }
  bool is_this_thread() const { return std::this_thread::get_id() == owner_; }

 private:
  std::mutex mutex_;
  std::vector<Letter> letters_;
  bool closed_ = false;
  std::function<void()> wake_;  // under the mutex, never after close()
  std::thread::id owner_;
};

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<WorkerPool> workers, Connection& asking, Method asked,
           std::string at)
      : connection(&asking),
        method(asked),
        path(std::move(at)),
        mailbox_(std::move(mailbox)),
        workers_(std::move(workers)) {}

  // On any thread. One claims the right to answer; false: it is taken, or the peer is gone.
  bool claim() noexcept { return !claimed_.exchange(true); }
  bool open() const noexcept { return !claimed_; }
  // To the connection: at once where its own thread is in the handler, else by mail.
  // False: the peer is gone.
  bool say(Letter letter);
  std::unique_ptr<Responder::Link> responder();

  // The rest only on the connection's thread.
  Connection* connection;  // null: gone
  bool in_handler = false;
  const Method method;
  const std::string path;

 private:
  friend class ResponderLink;
  std::atomic<bool> claimed_ = false;
  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<WorkerPool> workers_;
};

}  // namespace osprey::server::http
