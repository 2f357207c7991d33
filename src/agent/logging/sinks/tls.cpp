// tls: lines to the fleet's server, results and status lines apart (compat sections 6.4 and 6.5). Each of the two has
// its own delay after failures: while the server refuses one, the other goes on, as far as a delivery reaches. A batch
// that is too large for the server (413) goes in smaller ones, and a line that is too large alone is passed over.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/logging/line_units.h"
#include "agent/logging/sinks/sinks.h"
#include "agent/remote/delays.h"
#include "agent/remote/remote.h"
#include "agent/remote/server_settings.h"
#include "base/text.h"
#include "protocol/status_line.h"

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kName = "tls";

struct Settings {
  std::string endpoint;
  std::string server;
  seconds period{0};
  std::size_t most_lines = 0;
  std::size_t longest_line = 0;
  seconds longest_delay{0};  // 0: no longer than the period
  bool compress = false;
  bool node_api = false;
  bool wants_status = true;
};

// What of one kind the server has taken beyond the sink's place in the buffer, which is before the first record of
// either kind that it has not.
struct Progress {
  LogPosition done;         // units that end here or before
  LogPosition begun;        // of the unit that ends here
  std::uint64_t lines = 0;  // so many lines

  bool has(const LineUnit& unit) const { return unit.records.back().next <= done; }
};

struct Lane {
  std::string_view log_type;
  Progress progress;
  std::uint64_t failures = 0;  // in a row
  Interrupt::Clock::time_point due{};
  std::size_t most_bytes =
      SIZE_MAX;  // of the lines of a request, unless it is one: what the server has refused, halved
};

// The lines of one request.
struct Post {
  std::vector<std::string> lines;
  std::size_t bytes = 0;  // of them
  bool cut = false;       // there are more
  Progress after;
  TooLong too_long;  // of units that it ends
};

class TlsSink final : public Sink {
 public:
  explicit TlsSink(const SinkParts& parts) : parts_(parts) {}

  bool wants_status() const override { return settings_.wants_status; }
  std::size_t most_bytes() const override { return offer_for_lines(settings_.longest_line); }

  Result<void> configure(const Configuration& configuration) override {
    const auto& flags = configuration.flags;
    const auto number = [&](FlagName name) {
      constexpr std::int64_t kMost = 1 << 30;
      return std::clamp<std::int64_t>(flags.number(name), 0, kMost);
    };
    if (!parts_.remote) return failure(std::string(kName), "there is no server here");
    settings_ = {.endpoint = std::string(flags.text("logger_tls_endpoint")),
                 .server = server_of(flags),
                 .period = seconds(number("logger_tls_period")),
                 .most_lines = static_cast<std::size_t>(std::max<std::int64_t>(number("logger_tls_max_lines"), 1)),
                 .longest_line = static_cast<std::size_t>(number("logger_tls_max_linesize")),
                 .longest_delay = seconds(number("logger_tls_backoff_max")),
                 .compress = flags.boolean("logger_tls_compress"),
                 .node_api = flags.boolean("tls_node_api"),
                 .wants_status = !flags.boolean("tls_disable_status_log")};
    for (auto* lane : {&results_, &statuses_}) lane->most_bytes = SIZE_MAX;
    return {};
  }

  std::string target() const override { return settings_.server + path_of(settings_.endpoint); }

  Interrupt::Clock::time_point due() const override { return std::min(results_.due, statuses_.due); }

  Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) override {
    const LineUnits cut(records, settings_.longest_line);
    Taken taken;
    for (auto* lane : {&results_, &statuses_}) {
      if (lane->failures > 0 && Interrupt::Clock::now() < lane->due) continue;
      if (auto sent = send(*lane, cut.units(), stop); !sent && !stop.requested()) taken.error = sent.error();
    }
    for (const auto& unit : cut.units()) {
      if (!lane_of(unit).progress.has(unit)) break;
      taken.records += unit.records.size();
    }
    return taken;
  }

  // "DONE BEGUN LINES" of results, then of status lines.
  std::string mark() const override {
    const auto& [r, s] = std::tie(results_.progress, statuses_.progress);
    return fmt::format("{} {} {} {} {} {}", r.done.sequence, r.begun.sequence, r.lines, s.done.sequence,
                       s.begun.sequence, s.lines);
  }

  void resume(std::string_view mark) override {
    for (auto* lane : {&results_, &statuses_}) {
      const auto number = [&] { return parse<std::uint64_t>(take_field(mark)).value_or(0); };
      auto& progress = lane->progress;
      progress.done.sequence = number();
      progress.begun.sequence = number();
      progress.lines = number();
    }
  }

 private:
  Lane& lane_of(const LineUnit& unit) { return unit.front().kind == LineKind::status ? statuses_ : results_; }

  // One request, or under our own name as many as there are lines for.
  Result<void> send(Lane& lane, const std::vector<LineUnit>& units, const Interrupt& stop) {
    for (bool more = true; more && !stop.requested();) {
      auto post = next_post(lane, units);
      if (!post.lines.empty()) {
        if (auto sent = parts_.remote->send(request_of(lane, post), stop); !sent) {
          if (sent.error().code != kBodyTooLarge) {
            if (!stop.requested()) failed(lane);
            return std::unexpected(std::move(sent.error()));
          }
          if (post.lines.size() > 1) {
            lane.most_bytes = post.bytes / 2;
            continue;
          }
          ++post.too_long.lines;
          post.too_long.bytes += post.bytes;
        }
      }
      post.too_long.report(parts_, std::string(kName));
      lane.progress = post.after;
      lane.failures = 0;
      more = post.cut && !parts_.program.osquery_compatible;
    }
    lane.due = Interrupt::Clock::now() + settings_.period;
    return {};
  }

  Post next_post(const Lane& lane, const std::vector<LineUnit>& units) {
    Post post{.lines = {}, .after = lane.progress, .too_long = {}};
    for (const auto& unit : units) {
      if (&lane_of(unit) != &lane || post.after.has(unit)) continue;
      const auto end = unit.records.back().next;
      if (post.after.begun != end) post.after.lines = 0;
      post.after.begun = end;
      const auto rest = std::span(unit.lines).subspan(std::min<std::size_t>(post.after.lines, unit.lines.size()));
      for (const auto line : rest) {
        auto text = text_of(unit, line);
        post.cut = post.lines.size() == settings_.most_lines ||
                   (!post.lines.empty() && post.bytes + text.size() > lane.most_bytes);
        if (post.cut) return post;
        post.bytes += text.size();
        post.lines.push_back(std::move(text));
        ++post.after.lines;
      }
      post.after.done = end;
      post.too_long.add(unit);
    }
    return post;
  }

  std::string text_of(const LineUnit& unit, std::string_view line) const {
    if (unit.front().kind != LineKind::status) return std::string(line);
    const auto status = protocol::decode_status(line).value_or(protocol::StatusLine{});
    return protocol::json_line(status, parts_.host_identifier(), parts_.program.version(),
                               parts_.decorations ? parts_.decorations() : protocol::Decorations());
  }

  // The order of members is osquery's.
  RemoteRequest request_of(const Lane& lane, const Post& post) const {
    const auto type = fmt::format(R"("log_type":"{}")", lane.log_type);
    const auto data = fmt::format(R"("data":[{}])", fmt::join(post.lines, ","));
    RemoteRequest request;
    request.endpoint = settings_.endpoint;
    request.compress = settings_.compress;
    request.node_key_first = settings_.compress || settings_.node_api;
    request.members = request.node_key_first ? type + "," + data : data + "," + type;
    return request;
  }

  void failed(Lane& lane) {
    ++lane.failures;
    milliseconds delay = settings_.period;
    if (settings_.longest_delay.count() > 0)
      delay = std::min(settings_.period * square_of(lane.failures).count(), settings_.longest_delay);
    lane.due = Interrupt::Clock::now() + (parts_.program.osquery_compatible ? delay : jittered(delay));
  }

  SinkParts parts_;
  Settings settings_;
  Lane results_{.log_type = "result"};
  Lane statuses_{.log_type = "status"};
};

}  // namespace

std::unique_ptr<Sink> tls_sink(const SinkParts& parts) { return std::make_unique<TlsSink>(parts); }

}  // namespace osprey::agent
