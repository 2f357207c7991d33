// syslog: to the daemon on this host, in the form that syslog(3) writes (RFC 3164), or to --logger_syslog_target.
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "agent/logging/line_units.h"
#include "agent/logging/rfc5424.h"
#include "agent/logging/sinks/sinks.h"
#include "base/unique_fd.h"
#include "net/stream.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

// What a socket's usual buffer holds as one datagram (net.core.wmem_default); a smaller one says EMSGSIZE.
constexpr std::size_t kLongestLine = 200 << 10;
constexpr auto kRoomToSend = 5s;
constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

class LocalSyslog final : public Sink {
 public:
  LocalSyslog(const SinkParts& parts, std::string path) : parts_(parts), path_(std::move(path)) {}

  std::size_t most_bytes() const override { return offer_for_lines(kLongestLine); }
  std::string target() const override { return path_; }

  Result<void> configure(const Configuration& configuration) override {
    facility_ = syslog_facility(configuration.flags.number("logger_syslog_facility"));
    cookie_ = configuration.flags.boolean("logger_syslog_prepend_cee") ? "@cee:" : "";
    return {};
  }

  Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) override {
    Taken taken;
    const LineUnits cut(records, kLongestLine);
    TooLong lost;
    for (const auto& unit : cut.units()) {
      // What was interrupted may have been shed since.
      if (unit.records.front().next != unit_) sent_ = 0;
      unit_ = unit.records.front().next;
      for (; sent_ < unit.lines.size() && !taken.error && !stop.requested(); ++sent_) {
        auto sent = send(message(unit.front().kind, unit.lines[sent_]), stop);
        if (sent) continue;
        if (sent.error().code != EMSGSIZE) {
          taken.error = std::move(sent.error());
          break;
        }
        ++lost.lines;
        lost.bytes += unit.lines[sent_].size();
      }
      if (sent_ < unit.lines.size()) break;  // the rest of the unit when it is offered again
      sent_ = 0;
      taken.records += unit.records.size();
      lost.add(unit);
    }
    lost.report(parts_, "syslog");
    return taken;
  }

 private:
  std::string message(LineKind kind, std::string_view line) const {
    if (kind != LineKind::status) return framed(SyslogSeverity::informational, std::time(nullptr), cookie_, line);
    const auto status = protocol::decode_status(line);
    if (!status) return framed(SyslogSeverity::notice, std::time(nullptr), "", line);
    return framed(syslog_severity(status->severity), status->unix_time_us / 1'000'000, "",
                  protocol::location_line(*status));
  }

  // "<158>Mar  5 14:04:05 osqueryd[1234]: text".
  std::string framed(SyslogSeverity severity, std::time_t time, std::string_view cookie, std::string_view text) const {
    std::tm at{};
    ::localtime_r(&time, &at);
    return fmt::format("<{}>{} {:2} {:02}:{:02}:{:02} {}[{}]: {}{}", facility_ * 8 + static_cast<unsigned>(severity),
                       kMonths[static_cast<std::size_t>(at.tm_mon)], at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
                       parts_.program.name, ::getpid(), cookie, text);
  }

  Result<void> open(int type) {
    ::sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (path_.size() >= sizeof address.sun_path) return system_failure(ENAMETOOLONG, path_);
    std::memcpy(address.sun_path, path_.data(), path_.size());
    UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket || ::connect(socket.get(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address) != 0)
      return system_failure(path_);
    socket_ = std::move(socket);
    is_stream_ = type == SOCK_STREAM;
    return {};
  }

  // As syslog(3): a datagram socket, or a stream where the daemon listens on one.
  Result<void> open() {
    auto opened = open(SOCK_DGRAM);
    return opened || opened.error().code != EPROTOTYPE ? opened : open(SOCK_STREAM);
  }

  // One try more on a new socket: the daemon may have been started anew.
  Result<void> send(const std::string& message, const Interrupt& stop) {
    const bool fresh = !socket_;
    if (fresh) TRY(open());
    auto sent = send_once(message, stop);
    if (sent || sent.error().code == EMSGSIZE) return sent;
    socket_.reset();
    if (fresh) return sent;
    TRY(open());
    return send_once(message, stop);
  }

  Result<void> send_once(std::string_view message, const Interrupt& stop) const {
    std::string terminated;
    if (is_stream_) {
      terminated.assign(message).push_back('\0');  // ends a message on a stream
      message = terminated;
    }
    while (!message.empty()) {
      const auto count = ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL);
      if (count >= 0) {
        message.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN || errno == ENOBUFS) {
        if (!TRY(net::wait_for(socket_.get(), POLLOUT, kRoomToSend, stop)))
          return failure(path_, "the daemon takes nothing");
      } else if (errno != EINTR) {
        return system_failure(path_);
      }
    }
    return {};
  }

  SinkParts parts_;
  std::string path_;
  unsigned facility_ = kDefaultFacility;
  std::string_view cookie_;
  UniqueFd socket_;
  bool is_stream_ = false;
  LogPosition unit_;      // the unit that a failure interrupted,
  std::size_t sent_ = 0;  // and how many of its lines have been sent
};

// Which of the two it is the configuration says.
class Syslog final : public Sink {
 public:
  explicit Syslog(const SinkParts& parts) : parts_(parts) {}

  Result<void> configure(const Configuration& configuration) override {
    const bool remote = !configuration.flags.text("logger_syslog_target").empty();
    if (!way_ || remote != is_remote_)
      way_ = remote ? remote_syslog_sink(parts_) : local_syslog_sink(parts_, "/dev/log");
    is_remote_ = remote;
    return way_->configure(configuration);
  }
  std::size_t most_bytes() const override { return way_->most_bytes(); }
  std::string target() const override { return way_->target(); }
  Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) override {
    return way_->deliver(records, stop);
  }

 private:
  SinkParts parts_;
  std::unique_ptr<Sink> way_;
  bool is_remote_ = false;
};

}  // namespace

std::unique_ptr<Sink> local_syslog_sink(const SinkParts& parts, std::string path) {
  return std::make_unique<LocalSyslog>(parts, std::move(path));
}

std::unique_ptr<Sink> syslog_sink(const SinkParts& parts) { return std::make_unique<Syslog>(parts); }

}  // namespace osprey::agent
