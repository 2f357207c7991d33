// Listener: HTTP/1.1 over TLS for very many mostly idle connections. One thread and one SO_REUSEPORT socket a core;
// OpenSSL works on the socket itself and gives its buffers back while a connection is idle (SSL_MODE_RELEASE_BUFFERS);
// parser and buffers are there only while a request is.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/http/router.h"

namespace osprey::server::http {

enum class ClientCertificates : std::uint8_t { none, optional, required };

struct ListenerOptions {
  std::string address = "127.0.0.1";  // numeric, or a name
  std::uint16_t port = 8443;          // 0: any; see Listener::port()
  // PEM files; both empty: plain HTTP, which is refused unless `address` is loopback.
  std::string certificate;
  std::string key;
  std::string client_authorities;
  ClientCertificates client_certificates = ClientCertificates::none;
  unsigned threads = 0;  // 0: one a core
  unsigned workers = 8;
  std::size_t connections = 0;          // at most; 0: what RLIMIT_NOFILE leaves
  std::chrono::seconds yield_time{10};  // idle for so long, the one idle for longest makes place for a new one
  // Unfinished at a time a thread; beyond it the oldest goes that has had a second, and further ones wait until then.
  std::size_t handshakes = 1024;
  std::size_t queued_requests = 4096;   // waiting for a worker; beyond it 503 with Retry-After
  std::size_t body_memory = 256 << 20;  // all bodies being read at a time; beyond it 503
  std::chrono::seconds handshake_time{10};
  std::chrono::seconds head_time{10};          // from the first byte of a request to the end of its head
  std::chrono::seconds body_time{60};          // for the whole body
  std::chrono::seconds idle_time{4000};        // osquery recycles after an hour
  std::chrono::seconds write_time{60};         // in which the peer takes 16 KiB of an answer, or its rest
  std::vector<std::string> trusted_balancers;  // addresses or networks whose X-Forwarded-For counts
  std::string ticket_seed;                     // as share_tickets() has it
  // Told what goes wrong beside any answer (a handler that throws, no descriptors left); from any thread. May be empty.
  std::function<void(std::string)> log;
};

// Counters since the start, for /metrics. Relaxed atomics.
struct ListenerCounts {
  std::atomic<std::uint64_t> accepted{0}, refused{0}, handshakes{0}, handshake_failures{0}, resumed{0};
  std::atomic<std::uint64_t> requests{0}, errors_4xx{0}, errors_5xx{0}, timeouts{0}, bytes_in{0}, bytes_out{0};
  std::atomic<std::int64_t> connections{0}, parked{0}, streams{0}, queued{0}, body_bytes{0};
};

class Listener {
 public:
  virtual ~Listener() = default;  // stop(0)
  virtual std::uint16_t port() const = 0;
  virtual const ListenerCounts& counts() const = 0;
  // Reads certificate and key anew; an error leaves those in use.
  virtual Result<void> reload_certificate() = 0;
  // TLS sessions can be resumed at every server with the same seed and certificate, unless clients show certificates.
  virtual Result<void> share_tickets(std::string seed) = 0;
  // Runs `job` on a worker.
  virtual void post(std::function<void()> job) = 0;
  // Takes no new connections, answers what is parked with its deadline's answer, waits for the rest up to `patience`.
  virtual void stop(std::chrono::milliseconds patience) = 0;
};

// `router` must outlive it.
Result<std::unique_ptr<Listener>> listen(const ListenerOptions& options, const Router& router);

}  // namespace osprey::server::http
