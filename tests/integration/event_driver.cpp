// event_driver SOURCE [--kinds=FAMILY,…] [--env=NAME,…] [--execs] [--forks] [--kills] [--unix] [--closes]
// [--filters=RULE;…] [--watch=PATTERN] [--accesses] [--quiet] [--ring=BYTES] [--renewal=MS] [--types=FILE]: opens
// a source of events and tells on standard output, a JSON object a line, what it says. SOURCE is bpf, audit (all that
// it can tell, failed calls too), connector, fanotify or inotify.
//
// Each event is {"family":…, its fields in the order of its fields()}; texts have bytes above 0x7f as U+0080 to U+00FF,
// so that they can be compared byte by byte. {"ready":true} comes once the source is open. A line on standard input is
// answered: "counts" with the source's counters, after everything has been read; "demand FLAGS" opens it again; at
// "act" the driver binds a socket. It ends with its standard input.
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <type_traits>

#include "base/root.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "events/audit/audit_source.h"
#include "events/bpf/bpf_source.h"
#include "events/connector/connector_source.h"
#include "events/fanotify/fanotify_source.h"
#include "events/inotify/inotify_source.h"
#include "events/source.h"

namespace {

using namespace osprey;
using namespace osprey::events;

[[noreturn]] void leave(const std::string& why) {
  std::cerr << "event_driver: " << why << '\n';
  std::_Exit(1);
}

// Writes what fields() of an event lists as JSON: a structure becomes a list.
class Json {
 public:
  explicit Json(std::string& out) : out_(out) {}

  template <class T>
  Json& operator()(const T& value) {
    out_ += first_ ? "" : ",";
    first_ = false;
    put(value);
    return *this;
  }

 private:
  void put(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\')
        fmt::format_to(std::back_inserter(out_), "\\u{:04x}", byte);
      else
        out_ += c;
    }
    out_ += '"';
  }
  void put(const std::string& text) { put(std::string_view(text)); }
  template <class T>
  void put(const std::optional<T>& value) {
    if (value)
      put(*value);
    else
      out_ += "null";
  }
  template <class T>
  void put(const std::vector<T>& values) {
    out_ += '[';
    for (bool first = true; const auto& value : values) {
      out_ += first ? "" : ",";
      first = false;
      put(value);
    }
    out_ += ']';
  }
  template <class T>
  void put(const T& value) {
    if constexpr (std::is_same_v<T, bool>)
      out_ += value ? "true" : "false";
    else if constexpr (std::is_enum_v<T>)
      put(static_cast<std::int64_t>(value));
    else if constexpr (std::is_arithmetic_v<T>)
      fmt::format_to(std::back_inserter(out_), "{}", value);
    else {
      out_ += '[';
      Json inner(out_);
      const_cast<T&>(value).fields(inner);
      out_ += ']';
    }
  }

  std::string& out_;
  bool first_ = true;
};

class Printer final : public EventSink {
 public:
  explicit Printer(bool quiet) : quiet_(quiet) {}
  void take(AnyEvent event) override {
    if (quiet_) return;
    std::visit(
        [&](auto* one) {
          out_ += fmt::format("{{\"family\":\"{}\",\"fields\":[", one->kFamily);
          Json json(out_);
          one->fields(json);
          out_ += "]}\n";
        },
        event);
  }
  void forked(const ProcessKey& parent, const ProcessKey& child) override {
    if (!quiet_)
      out_ += fmt::format("{{\"forked\":[{},{},{},{}]}}\n", parent.pid, parent.start, child.pid, child.start);
  }
  void exited(const ProcessKey& process) override {
    if (!quiet_) out_ += fmt::format("{{\"exited\":[{},{}]}}\n", process.pid, process.start);
  }
  void flush() {
    std::cout << out_ << std::flush;
    out_.clear();
  }
  void line(const std::string& text) { out_ += text + '\n'; }

 private:
  bool quiet_;
  std::string out_;
};

struct Options {
  Demand demand;
  bool quiet = false;
  std::uint32_t ring = 0;  // bytes of bpf's; 0: as it likes
  std::chrono::milliseconds renewal = bpf::BpfOptions().renewal;
  std::string types;
};

// Rules with a semicolon between, and an underscore for each space.
std::shared_ptr<const Filters> filters_of(std::string_view rules) {
  std::vector<Filter> filters;
  for (const auto rule : split(rules, ';')) {
    std::string text(rule);
    std::ranges::replace(text, '_', ' ');
    auto filter = parse_filter(text);
    if (!filter) leave(filter.error().text());
    filters.push_back(std::move(*filter));
  }
  return std::make_shared<const Filters>(std::move(filters));
}

Options options_of(const std::vector<std::string_view>& arguments) {
  Options options;
  for (auto argument : arguments) {
    const auto name = take_until(argument, '=');
    if (name == "--kinds")
      for (const auto family : split(argument, ',')) {
        const auto found = std::ranges::find(kFamilies, family);
        if (found == kFamilies.end()) leave(fmt::format("no kind {}", family));
        options.demand.kinds.set(static_cast<std::size_t>(found - kFamilies.begin()));
      }
    else if (name == "--env")
      for (const auto variable : split(argument, ',')) options.demand.environment.emplace_back(variable);
    else if (name == "--execs")
      options.demand.execs = true;
    else if (name == "--forks")
      options.demand.forks = true;
    else if (name == "--kills")
      options.demand.kills = true;
    else if (name == "--accesses")
      for (auto& category : options.demand.watched) category.accesses = true;
    else if (name == "--watch")
      options.demand.watched.push_back({.name = "files", .patterns = {std::string(argument)}, .excluded = {}});
    else if (name == "--unix")
      options.demand.unix_sockets = true;
    else if (name == "--closes")
      options.demand.closes = true;
    else if (name == "--filters")
      options.demand.filters = filters_of(argument);
    else if (name == "--quiet")
      options.quiet = true;
    else if (name == "--ring")
      options.ring = parse<std::uint32_t>(argument).value_or(0);
    else if (name == "--renewal")
      options.renewal = std::chrono::milliseconds(parse<std::uint32_t>(argument).value_or(0));
    else if (name == "--types")
      options.types = argument;
    else
      leave(fmt::format("no flag {}", name));
  }
  return options;
}

audit::AuditOptions audit_options() {
  audit::AuditOptions options;
  options.allow_config = options.fork_process_events = options.kill_process_events = options.sockets = true;
  options.unix_sockets = options.file_events = options.failed_calls = options.failed_socket_events = true;
  options.backlog_limit = 65'536;
  options.key = "osprey-test";
  return options;
}

std::unique_ptr<Source> source_of(std::string_view name, const Options& options) {
  if (name == "bpf") {
    bpf::BpfOptions wish{.renewal = options.renewal, .types = options.types};
    if (options.ring) wish.process_ring = wish.network_ring = wish.security_ring = options.ring;
    return bpf::make_bpf_source(wish);
  }
  if (name == "audit") return std::make_unique<audit::AuditSource>(audit_options());
  if (name == "connector") return std::make_unique<ConnectorSource>(Root::host());
  if (name == "fanotify") return fanotify_source();
  if (name == "inotify") return inotify_source();
  leave(fmt::format("no source {}", name));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string told(const SourceCounts& counts, const std::vector<PushedFilter>& filters) {
  std::string pushed;
  for (const auto& one : filters)
    pushed += fmt::format("{}[{},{}]", pushed.empty() ? "" : ",", one.installed ? 1 : 0, one.hits.value_or(0));

  const auto number = [](const std::optional<std::uint64_t>& value) { return value ? std::to_string(*value) : "null"; };
  const auto list = [](const std::vector<SourceCounts::Drop>& drops) {
    std::string text;
    for (const auto& drop : drops)
      text += fmt::format("{}[\"{}\",\"{}\",{},\"{}\"]", text.empty() ? "" : ",", drop.stage, drop.reason, drop.count,
                          drop.worst_cgroup);
    return text;
  };
  std::string missing;
  Json json(missing);
  json(counts.missing);
  return fmt::format(
      R"({{"counts":{{"seen":{},"kept":{},"filtered":{},"dropped":[{}],"partial":[{}],"missing":{},"lag":{},"filters":[{}],"cpu":{:.6f}}}}})",
      number(counts.seen), counts.kept, number(counts.filtered), list(counts.dropped), list(counts.partial), missing,
      number(counts.lag), pushed, cpu_seconds());
}

void drain(Source& source, Printer& printer) {
  for (bool more = true; more;) {
    const auto given = source.next(printer, 1000);
    if (!given) leave(given.error().text());
    more = *given;
  }
  printer.flush();
}

void answer(Source& source, Printer& printer, const std::string& line) {
  if (line == "counts") {
    drain(source, printer);
    printer.line(told(source.counts(), source.pushed()));
  } else if (line == "act") {
    const UniqueFd own(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in any{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
    if (::bind(own.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0) leave("cannot bind");
  } else if (line.starts_with("demand")) {
    auto words = split(line, ' ');
    words.erase(words.begin());
    if (const auto opened = source.open(options_of({words.begin(), words.end()}).demand); !opened)
      leave(opened.error().text());
    printer.line(R"({"ready":true})");
  }
  printer.flush();
}

void serve(Source& source, Printer& printer) {
  std::string input;
  for (;;) {
    std::array<pollfd, 2> waiting = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{source.descriptor(), POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), 100);
    drain(source, printer);
    if (!waiting[0].revents) continue;
    std::array<char, 4096> bytes;
    const auto size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size <= 0) return;
    input.append(bytes.data(), static_cast<std::size_t>(size));
    for (auto end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      answer(source, printer, input.substr(0, end));
      input.erase(0, end + 1);
    }
  }
}

int seed() {
  std::string out;
  const auto done = bpf::make_bpf_source()->seed([&](const Actor& actor) {
    out += "{\"actor\":[";
    Json json(out);
    const_cast<Actor&>(actor).fields(json);
    out += "]}\n";
  });
  if (!done) leave(done.error().text());
  std::cout << out;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) leave("which source?");
  if (std::string_view(argv[1]) == "seed") return seed();
  const auto options = options_of({argv + 2, argv + argc});
  const auto source = source_of(argv[1], options);
  Printer printer(options.quiet);
  if (const auto opened = source->open(options.demand); !opened) leave(opened.error().text());
  printer.line(R"({"ready":true})");
  printer.flush();
  serve(*source, printer);
  drain(*source, printer);
  printer.line(told(source->counts(), source->pushed()));
  printer.flush();
}
