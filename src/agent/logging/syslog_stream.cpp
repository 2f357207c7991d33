#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <deque>

#include "agent/logging/rfc5424.h"
#include "agent/logging/syslog_target.h"
#include "base/module.h"
#include "net/stream.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kChunk = 16 << 10;  // a TLS record; a longer message is a chunk of its own
constexpr auto kLookUp = 5s;
constexpr auto kConnect = 5s;
constexpr auto kHandshake = 10s;
constexpr auto kPatience = 10s;     // with a peer that takes nothing
constexpr auto kProbation = 300ms;  // for a new connection's peer to refuse us after all
constexpr auto kLongestLook = 50ms;

// Messages that left together.
struct Chunk {
  std::size_t messages = 0;
  std::uint64_t end = 0;  // of Stream::written()
};

class StreamTransport final : public SyslogTransport {
 public:
  StreamTransport(const net::Endpoint& endpoint, std::optional<net::TlsOptions> tls)
      : endpoint_(endpoint), tls_(std::move(tls)) {}
  StreamTransport(const StreamTransport&) = delete;
  StreamTransport& operator=(const StreamTransport&) = delete;
  ~StreamTransport() override {
    if (stream_) stream_->finish();
  }

  Sent send(std::span<const std::string> messages, const Interrupt& stop) override {
    Sent sent;
    if (messages.empty()) return sent;
    auto done = exchange(messages, stop, sent.messages);
    if (!ended_)
      for (const auto& message : messages.first(sent.messages)) keep(message);
    if (!done || ended_) drop();
    if (!done && !stop.requested()) sent.error = std::move(done).error();
    return sent;
  }

 private:
  Result<void> exchange(std::span<const std::string> messages, const Interrupt& stop, std::size_t& arrived) {
    if (stream_ && !absorb().value_or(false)) drop();
    if (!stream_) TRY(open(stop));
    if (again_) {
      const std::vector<std::string> kept(kept_.begin(), kept_.end());
      std::size_t count = 0;
      TRY(transmit(kept, stop, count));
      again_ = false;
    }
    return transmit(messages, stop, arrived);
  }

  void drop() {
    stream_.reset();
    again_ = !kept_.empty();
  }

  Result<void> open(const Interrupt& stop) {
    const auto addresses = TRY(resolver_.resolve(endpoint_, kLookUp, stop));
    auto socket = TRY(net::connect(addresses, kConnect, stop));
    if (tls_) {
      const net::TlsModule& tls = *TRY(open_module<net::TlsModule>());
      stream_ = TRY(tls.stream(std::move(socket), *tls_));
    } else {
      stream_ = net::plain_stream(std::move(socket));
    }
    const auto deadline = Interrupt::Clock::now() + kHandshake;
    for (auto moved = TRY(stream_->handshake()); moved.wait || moved.ended; moved = TRY(stream_->handshake())) {
      if (moved.ended) return failure(endpoint_.text(), "has closed the connection in the handshake");
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Interrupt::Clock::now());
      if (!TRY(net::wait_for(stream_->fd(), moved.wait, left, stop)))
        return failure(endpoint_.text(), "the handshake came to no end");
    }
    fresh_ = true;
    ended_ = false;
    return {};
  }

  // Sends all and waits until the peer's kernel has them; `arrived` is right whatever the result.
  Result<void> transmit(std::span<const std::string> messages, const Interrupt& stop, std::size_t& arrived) {
    chunks_.clear();
    progress_ = Interrupt::Clock::now();
    std::string text;
    for (std::size_t i = 0; i < messages.size();) {
      text.clear();
      const auto first = i;
      do {
        text += syslog_frame(messages[i++]);
      } while (i < messages.size() && text.size() + messages[i].size() < kChunk);
      TRY(write(text, stop, arrived));
      chunks_.push_back({i - first, stream_->written()});
      if (fresh_) TRY(prove(stop));
      fresh_ = false;
    }
    auto look = 1ms;
    for (TRY(settle(arrived)); !chunks_.empty(); TRY(settle(arrived))) {
      if (ended_) return closed();
      TRY(pause(POLLIN, look, stop));
      look = std::min<std::chrono::milliseconds>(2 * look, kLongestLook);
    }
    return {};
  }

  Result<void> write(std::string_view text, const Interrupt& stop, std::size_t& arrived) {
    while (!text.empty()) {
      const auto moved = TRY(stream_->send(text));
      text.remove_prefix(moved.bytes);
      if (moved.bytes > 0) progress_ = Interrupt::Clock::now();
      if (moved.wait) TRY(pause(static_cast<short>(moved.wait | POLLIN), kLongestLook, stop));
      if (moved.wait) TRY(settle(arrived));
      if (ended_) return closed();
    }
    return {};
  }

  // Nothing counts before a connection's first chunk has been borne for a moment: with TLS 1.3 a server refuses our
  // certificate only after the handshake, others look at who we are only after they have accepted.
  Result<void> prove(const Interrupt& stop) {
    const auto deadline = Interrupt::Clock::now() + kProbation;
    while (Interrupt::Clock::now() < deadline) {
      TRY(pause(POLLIN, kLongestLook, stop));
      if (!TRY(absorb())) return closed();
    }
    return {};
  }

  // Counts what the peer's kernel has.
  Result<void> settle(std::size_t& arrived) {
    const auto open = TRY(stream_->unacknowledged());
    // Only now: after a reset the number above means nothing, and this tells.
    TRY(absorb());
    while (!chunks_.empty() && chunks_.front().end + open <= stream_->written()) {
      arrived += chunks_.front().messages;
      chunks_.pop_front();
    }
    if (open < open_) progress_ = Interrupt::Clock::now();
    open_ = open;
    return {};
  }

  // Reads, and forgets, what the peer sends: nothing in this protocol but its end and what TLS says. False: it has
  // ended in good order, which it cannot without having read all that its kernel has acknowledged.
  Result<bool> absorb() {
    std::array<char, 4096> bytes;
    for (;;) {
      const auto moved = TRY(stream_->receive(bytes));
      ended_ = moved.ended;
      if (ended_) {
        kept_.clear();
        kept_bytes_ = 0;
      }
      if (moved.bytes == 0) return !ended_;
    }
  }

  Result<void> pause(short events, std::chrono::milliseconds time, const Interrupt& stop) {
    TRY(net::wait_for(stream_->fd(), events, time, stop));
    if (stop.requested()) return failure(endpoint_.text(), "interrupted");
    if (Interrupt::Clock::now() - progress_ < kPatience) return {};
    return failure(endpoint_.text(), fmt::format("has taken nothing for {} s", kPatience.count()));
  }

  std::unexpected<Error> closed() { return failure(endpoint_.text(), "has closed the connection"); }

  void keep(const std::string& message) {
    kept_bytes_ += message.size();
    kept_.push_back(message);
    while (kept_bytes_ > kKeptMessages) {
      kept_bytes_ -= kept_.front().size();
      kept_.pop_front();
    }
  }

  net::Endpoint endpoint_;
  std::optional<net::TlsOptions> tls_;
  net::Resolver resolver_;
  std::unique_ptr<net::Stream> stream_;
  bool fresh_ = true;                        // nothing has been sent on it
  bool ended_ = false;                       // the peer has closed it in good order
  std::deque<Chunk> chunks_;                 // sent and not settled
  std::uint64_t open_ = 0;                   // unacknowledged when last looked at
  Interrupt::Clock::time_point progress_{};  // when the peer last took something
  std::deque<std::string> kept_;             // the last that arrived
  std::size_t kept_bytes_ = 0;
  bool again_ = false;  // they are to be sent again
};

}  // namespace

std::unique_ptr<SyslogTransport> syslog_stream(const net::Endpoint& endpoint, std::optional<net::TlsOptions> tls) {
  return std::make_unique<StreamTransport>(endpoint, std::move(tls));
}

}  // namespace osprey::agent
