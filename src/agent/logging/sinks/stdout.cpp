// stdout: lines on standard output. The program ignores SIGPIPE.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "agent/logging/sinks/sinks.h"
#include "protocol/status_line.h"

namespace osprey::agent {
namespace {

constexpr int kPatience = 100;  // milliseconds between looks at `stop` while the reader is slow

class StdoutSink final : public Sink {
 public:
  explicit StdoutSink(StatusLog& status) : status_(status) {}

  Result<void> configure(const Configuration&) override { return {}; }
  std::string target() const override { return "standard output"; }

  Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) override {
    Taken taken;
    for (const auto& delivery : records) {
      begin(delivery);
      if (auto written = write_rest(stop); !written) {
        taken.error = written.error();
        break;
      }
      if (written_ < text_.size()) break;  // stopped
      written_ = 0;
      ++taken.records;
    }
    return taken;
  }

 private:
  void begin(const LogDelivery& delivery) {
    if (written_ > 0 && delivery.next == writing_) return;
    // What was cut off in the middle may have been shed since.
    text_ = written_ > 0 && text_[written_ - 1] != '\n' ? "\n" : "";
    written_ = 0;
    writing_ = delivery.next;
    const auto& record = delivery.record;
    if (record.kind != LineKind::status)
      text_ += record.text;
    else if (const auto status = protocol::decode_status(record.text))
      text_ += protocol::location_line(*status) + '\n';
  }

  // A record that was cut off is gone on with where it stopped: it is offered again, unchanged.
  Result<void> write_rest(const Interrupt& stop) {
    while (!closed_ && written_ < text_.size() && !stop.requested()) {
      ::pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
      if (::poll(&out, 1, kPatience) == 0) continue;
      // No more than a pipe takes at once after poll() said that it takes something: write() does not block then.
      const auto most = std::min<std::size_t>(text_.size() - written_, PIPE_BUF);
      const auto count = ::write(STDOUT_FILENO, text_.data() + written_, most);
      if (count >= 0) {
        written_ += static_cast<std::size_t>(count);
      } else if (errno == EPIPE) {
        closed_ = true;
        status_.warning("Nobody reads standard output any more: the logger stdout has stopped");
      } else if (errno != EINTR && errno != EAGAIN) {
        return system_failure("standard output");
      }
    }
    if (closed_) written_ = text_.size();
    return {};
  }

  StatusLog& status_;
  LogPosition writing_;  // which record `text_` is
  std::string text_;
  std::size_t written_ = 0;  // of `text_`
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Sink> stdout_sink(const SinkParts& parts) { return std::make_unique<StdoutSink>(parts.status); }

}  // namespace osprey::agent
