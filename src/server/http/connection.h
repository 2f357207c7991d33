// Connection: one peer's requests, one after the other. A state machine over a Transport that never waits: advance()
// does what can be done now and leaves in `wants` what it waits for. All on one thread, its IoThread's.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/body_budget.h"
#include "server/http/exchange.h"
#include "server/http/forwarded.h"
#include "server/http/listener.h"
#include "server/http/request_reader.h"
#include "server/http/router.h"
#include "server/http/tls_context.h"
#include "server/http/transport.h"
#include "server/http/worker_pool.h"

namespace osprey::server::http {

using TimePoint = std::chrono::steady_clock::time_point;

// What every connection of a listener shares.
struct Shared {
  Shared(const ListenerOptions& given, const Router& routes)
      : options(given),
        router(routes),
        budget(counts.body_bytes, options.body_memory),
        workers(std::make_shared<WorkerPool>(std::max(1U, options.workers), options.queued_requests)) {}

  const ListenerOptions options;
  const Router& router;
  ListenerCounts counts;
  BodyBudget budget;
  std::shared_ptr<WorkerPool> workers;
  TlsContext tls;
  bool uses_tls = false;
  TrustedBalancers balancers;
  std::atomic<bool> stopping = false;
};

// What those of one thread share.
struct ThreadShared {
  std::shared_ptr<Mailbox> mailbox;
  std::array<char, 16 << 10> scratch;
  std::string date;  // now, as a header's value
  TimePoint now;     // as of the last time that the thread woke
};

class Connection {
 public:
  enum class Stage : std::uint8_t {
    silent,  // TLS, and not a byte yet: nothing of OpenSSL's is there
    handshake,
    idle,     // between requests
    request,  // reading one
    working,  // a handler has it
    parked,   // the same, and said so: the peer is watched
    answering,
    streaming,
    lingering,  // answered for the last time, waiting for the peer to have read it
    closed,
  };

  Connection(Shared& shared, ThreadShared& thread, int socket, std::string peer);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(); }

  void advance();
  // Word of its exchange. To be followed by advance().
  void deliver(Letter letter);
  // Its deadline is over.
  void expire();
  // No further request is taken.
  void wind_down();
  void close();

  Stage stage() const noexcept { return stage_; }
  TimePoint deadline() const noexcept { return deadline_; }
  TimePoint since() const noexcept { return since_; }  // in this group of stages
  struct Wants {
    bool read = false, write = false;
    bool turn = false;  // has more to do than fits one turn
  };
  Wants wants() const noexcept { return wants_; }

 private:
  struct Piece {
    std::string own;
    std::shared_ptr<const std::string> shared;
    std::size_t sent = 0;
    std::string_view unsent() const { return std::string_view(shared ? *shared : own).substr(sent); }
  };

  // Each: false where it has to wait.
  bool shake_hands();
  bool read_request();
  bool watch();
  bool flush();
  bool after_answer();
  bool go_on_streaming();
  bool linger();

  bool read_some(std::string_view& bytes);

  // For what `io` wants; false: that is nothing, and the connection is closed.
  bool waits(Io io);
  void begin_request();
  void take(RequestReader::State state);
  void begin_body();
  void decline(Response response);  // whose head was read whole
  void dispatch();
  void refuse(unsigned status, std::string what);  // and nothing more is read
  Response error_of(const Exchange& exchange, unsigned status, std::string what) const;
  void answer(Response response);
  void answer_deadline();
  bool peer_takes_its_answer();
  void begin_stream(const Response& head, std::shared_ptr<StreamState> stream);
  void begin_answer(const Response& response);
  void enter(Stage stage, std::chrono::nanoseconds patience);
  void enter(Stage stage);  // without a deadline
  void release_exchange();

  Shared& shared_;
  ThreadShared& thread_;
  Transport transport_;
  int socket_;
  Stage stage_ = Stage::closed;
  Wants wants_;
  bool keep_alive_ = true;
  bool http_1_0_ = false;
  bool head_only_ = false;
  std::size_t untaken_ = 0;    // by the peer, of what the kernel holds, when last looked at
  bool unread_input_ = false;  // of a body that was refused
  TimePoint deadline_;
  TimePoint since_;
  std::string peer_;
  std::string client_certificate_;

  // Only while a request is there.
  std::unique_ptr<RequestReader> reader_;
  const Route* route_ = nullptr;
  std::unique_ptr<Response> refusal_;  // sent when the body, not wanted, is over
  std::string ahead_;                  // read and of a later request
  std::shared_ptr<Exchange> exchange_;
  std::unique_ptr<Response> at_deadline_;
  std::shared_ptr<StreamState> stream_;
  std::vector<Piece> out_;
};

}  // namespace osprey::server::http
