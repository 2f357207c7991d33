// syslog to another host: --logger_syslog_target.
#include <unistd.h>

#include <algorithm>

#include "agent/logging/certificate_files.h"
#include "agent/logging/line_units.h"
#include "agent/logging/rfc5424.h"
#include "agent/logging/sinks/sinks.h"
#include "agent/logging/syslog_target.h"
#include "agent/program.h"

namespace osprey::agent {
namespace {

constexpr std::size_t kLeastBytes = 2048;  // what every receiver must take (RFC 5425)
constexpr std::size_t kMostBytes = 4 << 20;

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

std::string_view message_id(LineKind kind) { return kind == LineKind::snapshot ? "snapshot" : "result"; }

class RemoteSyslog final : public Sink {
 public:
  explicit RemoteSyslog(const SinkParts& parts) : parts_(parts) {}

  std::size_t most_bytes() const override { return offer_for_lines(longest_line()); }

  Result<void> configure(const Configuration& configuration) override {
    const auto& flags = configuration.flags;
    sender_ = {.facility = syslog_facility(flags.number("logger_syslog_facility")),
               .host_name = host_name(),
               .app_name = parts_.program.name,
               .process_id = ::getpid()};
    cookie_ = flags.boolean("logger_syslog_prepend_cee") ? "@cee:" : "";
    max_bytes_ = static_cast<std::size_t>(flags.number("logger_syslog_max_bytes"));
    return reconnect(flags);
  }

  std::string target() const override { return text_of(target_); }

  Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) override {
    const LineUnits cut(records, longest_line());
    std::vector<std::string> messages;
    for (const auto& unit : cut.units())
      for (const auto line : unit.lines) messages.push_back(message(unit.front().kind, line));
    auto sent = transport_->send(messages, stop);
    Taken taken{.error = std::move(sent.error)};
    TooLong lost;
    for (const auto& unit : cut.units()) {
      if (unit.lines.size() > sent.messages) break;
      sent.messages -= unit.lines.size();
      taken.records += unit.records.size();
      lost.add(unit);
    }
    lost.report(parts_, "syslog");
    return taken;
  }

 private:
  Result<void> reconnect(const Flags& flags) {
    const auto target = TRY(parse_syslog_target(flags.text("logger_syslog_target")));
    std::optional<net::TlsOptions> tls;
    if (target.transport == SyslogTarget::Transport::tls) {
      auto files = TRY(certificate_files(flags));
      tls = net::TlsOptions{target.endpoint.host, files.authorities, files.certificate, files.key};
    }
    if (transport_ && target == target_ && tls == tls_) return {};
    target_ = target;
    tls_ = tls;
    transport_ = target.transport == SyslogTarget::Transport::udp ? syslog_datagrams(target.endpoint)
                                                                  : syslog_stream(target.endpoint, std::move(tls));
    return {};
  }

  // Receivers differ: syslog-ng ends a connection for a message that is too long for it, rsyslog takes 200,000 bytes
  // and keeps 8,192 of them if it is not told otherwise.
  std::size_t longest_line() const {
    const auto most = target_.transport == SyslogTarget::Transport::udp ? kLongestDatagram : kMostBytes;
    return std::clamp<std::size_t>(max_bytes_, kLeastBytes, most) - kSyslogHeader;
  }

  std::string message(LineKind kind, std::string_view line) const {
    if (kind != LineKind::status)
      return syslog_message(sender_, SyslogSeverity::informational, now_us(), message_id(kind),
                            std::string(cookie_).append(line));
    const auto status = protocol::decode_status(line);
    if (!status) return syslog_message(sender_, SyslogSeverity::notice, now_us(), "status", line);
    return syslog_message(sender_, syslog_severity(status->severity), status->unix_time_us, "status",
                          protocol::location_line(*status));
  }

  SinkParts parts_;
  SyslogSender sender_;
  std::string cookie_;
  std::size_t max_bytes_ = 0;
  SyslogTarget target_;
  std::optional<net::TlsOptions> tls_;
  std::unique_ptr<SyslogTransport> transport_;
};

}  // namespace

std::unique_ptr<Sink> remote_syslog_sink(const SinkParts& parts) { return std::make_unique<RemoteSyslog>(parts); }

}  // namespace osprey::agent
