#include "fleet/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <map>
#include <memory>
#include <vector>

namespace osprey::fleet {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<const char*, double>, 4> kShares = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

double ms(std::uint64_t microseconds) { return static_cast<double>(microseconds) / 1e3; }

json::object latencies(const Histogram& all) {
  json::object out;
  for (const auto& [name, share] : kShares) out[name] = ms(all.percentile(share));
  out["max"] = ms(all.max());
  return out;
}

template <class Count>
std::uint64_t sum(const Shared& shared, const Count& count) {
  std::uint64_t total = 0;
  for (const WorkerPart& part : shared.workers) total += count(part);
  return total;
}

std::uint64_t measured(const Shared& shared, Counter Figures::* counter) {
  return sum(shared, [&](const WorkerPart& part) { return (part.figures[1].*counter).get(); });
}

std::uint64_t in_both(const Shared& shared, Counter Figures::* counter) {
  return sum(shared, [&](const WorkerPart& part) {
    return (part.figures[0].*counter).get() + (part.figures[1].*counter).get();
  });
}

json::object figures_of(const Shared& shared, std::size_t phase, double seconds) {
  json::object out;
  auto all_due = std::make_unique<Histogram>(), all_sent = std::make_unique<Histogram>();
  std::uint64_t all_answered = 0;
  for (std::size_t kind = 0; kind < kKindNames.size(); ++kind) {
    auto due = std::make_unique<Histogram>(), sent = std::make_unique<Histogram>();
    std::uint64_t answered = 0, bytes_out = 0, bytes_in = 0;
    for (const WorkerPart& part : shared.workers) {
      const Figures::OfKind& figures = part.figures[phase].kinds[kind];
      due->merge(figures.from_due);
      sent->merge(figures.from_sent);
      answered += figures.answered.get();
      bytes_out += figures.bytes_out.get();
      bytes_in += figures.bytes_in.get();
    }
    if (answered == 0) continue;
    json::object each{{"answered", answered},
                      {"bytes_out", bytes_out},
                      {"bytes_in", bytes_in},
                      {"from_due_ms", latencies(*due)},
                      {"from_sent_ms", latencies(*sent)}};
    if (seconds > 0) each["per_second"] = static_cast<double>(answered) / seconds;
    out[kKindNames[kind]] = std::move(each);
    if (static_cast<Kind>(kind) == Kind::held) continue;
    all_due->merge(*due);
    all_sent->merge(*sent);
    all_answered += answered;
  }
  json::object all{
      {"answered", all_answered}, {"from_due_ms", latencies(*all_due)}, {"from_sent_ms", latencies(*all_sent)}};
  if (seconds > 0) all["per_second"] = static_cast<double>(all_answered) / seconds;
  out["all"] = std::move(all);
  return out;
}

json::object failures_of(const Shared& shared, std::size_t phase) {
  json::object out;
  std::uint64_t total = 0;
  for (std::size_t kind = 0; kind < kKindNames.size(); ++kind) {
    json::object each;
    for (std::size_t failure = 0; failure < kFailureNames.size(); ++failure) {
      const std::uint64_t count =
          sum(shared, [&](const WorkerPart& part) { return part.figures[phase].kinds[kind].failures[failure].get(); });
      if (count) each[kFailureNames[failure]] = count;
      total += count;
    }
    if (!each.empty()) out[kKindNames[kind]] = std::move(each);
  }
  return {{"total", total}, {"by_kind", std::move(out)}};
}

json::array samples_of(const Shared& shared) {
  json::array out;
  for (const WorkerPart& part : shared.workers) {
    for (std::size_t i = 0; i < part.sampled.get() && out.size() < 8; ++i) {
      const Sample& sample = part.samples[i];
      out.push_back(json::object{{"kind", kKindNames[static_cast<std::size_t>(sample.kind)]},
                                 {"failure", kFailureNames[static_cast<std::size_t>(sample.failure)]},
                                 {"host", sample.host},
                                 {"text", sample.text}});
    }
  }
  return out;
}

std::string name_of(const Shared& shared, std::uint64_t hash) {
  for (const Names& names : shared.names)
    for (std::uint32_t i = 0; i < names.count; ++i)
      if (names.names[i].hash == hash) return names.names[i].text;
  return fmt::format("{:016x}", hash);
}

// Sorted times, of CLOCK_REALTIME.
json::object moments(std::vector<double> times) {
  std::ranges::sort(times);
  json::object out{{"hosts", times.size()}};
  if (times.empty()) return out;
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  out["first"] = times.front();
  for (const auto& [name, share] : {std::pair{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}}) out[name] = at(share);
  out["last"] = times.back();
  return out;
}

json::array configurations_of(const Shared& shared) {
  std::map<std::uint64_t, std::vector<double>> since;
  for (const HostRecord& host : shared.hosts)
    if (host.configuration) since[host.configuration].push_back(host.configuration_since);
  json::array out;
  for (auto& [hash, times] : since) {
    json::object each = moments(std::move(times));
    each["configuration"] = name_of(shared, hash);
    out.push_back(std::move(each));
  }
  return out;
}

json::array queries_of(const Shared& shared) {
  struct Times {
    std::vector<double> received, acknowledged;
  };
  std::map<std::uint64_t, Times> of;
  for (const HostRecord& host : shared.hosts) {
    if (!host.query) continue;
    of[host.query].received.push_back(host.query_received);
    if (host.query_acknowledged > 0) of[host.query].acknowledged.push_back(host.query_acknowledged);
  }
  json::array out;
  for (auto& [hash, times] : of)
    out.push_back(json::object{{"query", name_of(shared, hash)},
                               {"received", moments(std::move(times.received))},
                               {"acknowledged", moments(std::move(times.acknowledged))}});
  return out;
}

json::object watched(const Course::Watched& seen, double seconds) {
  json::object out{{"processes", seen.end.processes},
                   {"pss_bytes", seen.end.pss},
                   {"rss_bytes", seen.end.rss},
                   {"pss_before_bytes", seen.at_start.pss},
                   {"pss_connected_bytes", seen.connected.pss}};
  const double cpu = seen.end.cpu_seconds - seen.measuring.cpu_seconds;
  out["cpu_seconds"] = cpu;
  if (seconds > 0) out["cpu_percent"] = 100 * cpu / seconds;
  return out;
}

std::string latency_cells(const json::object& all) {
  std::string out;
  for (const char* name : {"p50", "p90", "p99", "p99.9", "max"})
    out += fmt::format(" {:>9.2f}", all.at(name).to_number<double>());
  return out;
}

void append_figures(std::string& out, const json::object& kinds) {
  out += fmt::format("  {:<8} {:>10} {:>9}   {:>8} {:>9} {:>9} {:>9} {:>9}   {:>8} {:>9}\n", "", "answered", "/s",
                     "p50", "p90", "p99", "p99.9", "max", "sent p50", "p99");
  for (const auto& [kind, value] : kinds) {
    const json::object& each = value.get_object();
    const json::value* rate = each.if_contains("per_second");
    const json::object& sent = each.at("from_sent_ms").get_object();
    out += fmt::format("  {:<8} {:>10} {:>9.1f}  {}  {:>9.2f} {:>9.2f}\n", std::string_view(kind),
                       each.at("answered").to_number<std::uint64_t>(), rate ? rate->to_number<double>() : 0.0,
                       latency_cells(each.at("from_due_ms").get_object()), sent.at("p50").to_number<double>(),
                       sent.at("p99").to_number<double>());
  }
}

}  // namespace

json::object report(const Options& options, const Shared& shared, const Course& course) {
  json::object out;
  const auto& without_key = [](const HostRecord& host) { return host.node_key[0] == '\0'; };
  out["hosts"] = options.hosts;
  out["hosts_without_key"] = std::ranges::count_if(shared.hosts, without_key);
  out["processes"] = options.processes;
  out["servers"] = json::array(options.servers.begin(), options.servers.end());
  out["connections"] = course.connections;
  out["connections_at_end"] = course.connections_at_end;
  out["enrolled"] = sum(shared, [](const WorkerPart& part) { return part.enrolled.get(); });
  out["enrolling_seconds"] = course.enrolling;
  out["connecting_seconds"] = course.connecting;
  out["measured_seconds"] = course.measured;
  out["figures"] = figures_of(shared, 1, course.measured);
  out["warm_up_figures"] = figures_of(shared, 0, 0);
  out["errors"] = failures_of(shared, 1);
  out["warm_up_errors"] = failures_of(shared, 0);
  out["error_samples"] = samples_of(shared);
  out["reconnects"] = measured(shared, &Figures::reconnects);
  out["missed_turns"] = measured(shared, &Figures::missed);
  out["unfinished"] = sum(shared, [](const WorkerPart& part) { return part.unfinished.get(); });

  auto handshakes = std::make_unique<Histogram>();
  for (const WorkerPart& part : shared.workers)
    for (const Figures& figures : part.figures) handshakes->merge(figures.handshakes);
  out["handshakes"] = json::object{{"full", in_both(shared, &Figures::full_handshakes)},
                                   {"resumed", in_both(shared, &Figures::resumed_handshakes)},
                                   {"ms", latencies(*handshakes)}};
  out["lines"] = json::object{{"sent", in_both(shared, &Figures::lines_sent)},
                              {"acknowledged", in_both(shared, &Figures::lines_acknowledged)},
                              {"acknowledged_measured", measured(shared, &Figures::lines_acknowledged)}};
  out["queries_answered"] = in_both(shared, &Figures::queries_answered);
  out["configurations"] = configurations_of(shared);
  out["queries"] = queries_of(shared);

  json::object simulator = watched(course.simulator, course.measured);
  const auto answered = out["figures"].at("all").at("answered").to_number<double>();
  if (answered > 0)
    simulator["cpu_microseconds_a_request"] = simulator.at("cpu_seconds").to_number<double>() * 1e6 / answered;
  simulator["pss_bytes_a_host"] = course.simulator.end.pss / options.hosts;
  out["simulator"] = std::move(simulator);
  if (!options.database_pids.empty()) out["database"] = watched(course.database, course.measured);
  if (!options.server_pids.empty()) {
    out["server"] = watched(course.server, course.measured);
    const auto grown = static_cast<double>(course.server.end.pss) - static_cast<double>(course.server.at_start.pss);
    if (course.connections_at_end)
      out["server"].get_object()["pss_bytes_a_connection"] = grown / course.connections_at_end;
  }
  return out;
}

std::string as_text(const json::object& report) {
  std::string out;
  const auto to = std::back_inserter(out);
  const auto number = [](const json::value& value) { return value.to_number<double>(); };
  const auto count = [](const json::value& value) { return value.to_number<std::uint64_t>(); };
  fmt::format_to(to, "{} hosts in {} processes, {} connections; {} enrolled in {:.1f} s, connected in {:.1f} s\n",
                 count(report.at("hosts")), count(report.at("processes")), count(report.at("connections")),
                 count(report.at("enrolled")), number(report.at("enrolling_seconds")),
                 number(report.at("connecting_seconds")));
  fmt::format_to(to, "\nIn {:.1f} s (ms, from the moment a request was due; from when it was sent)\n",
                 number(report.at("measured_seconds")));
  append_figures(out, report.at("figures").get_object());
  for (const char* which : {"errors", "warm_up_errors"}) {
    const json::object& errors = report.at(which).get_object();
    fmt::format_to(to, "\n{}: {}", which == std::string_view("errors") ? "Errors" : "Before that",
                   count(errors.at("total")));
    for (const auto& [kind, failures] : errors.at("by_kind").get_object())
      for (const auto& [failure, times] : failures.get_object())
        fmt::format_to(to, "  {} {} {}", std::string_view(kind), std::string_view(failure), count(times));
  }
  for (const json::value& sample : report.at("error_samples").get_array())
    fmt::format_to(
        to, "\n  host {} {} {}: {}", count(sample.at("host")), std::string_view(sample.at("kind").get_string()),
        std::string_view(sample.at("failure").get_string()), std::string_view(sample.at("text").get_string()));
  const json::object& handshakes = report.at("handshakes").get_object();
  fmt::format_to(
      to,
      "\n\nReconnects {}, turns missed {}, unfinished {}; handshakes {} full, {} resumed, p50 {:.2f} p99 {:.2f} ms\n",
      count(report.at("reconnects")), count(report.at("missed_turns")), count(report.at("unfinished")),
      count(handshakes.at("full")), count(handshakes.at("resumed")), number(handshakes.at("ms").at("p50")),
      number(handshakes.at("ms").at("p99")));
  const json::object& lines = report.at("lines").get_object();
  fmt::format_to(to, "Lines: {} sent, {} acknowledged\n", count(lines.at("sent")), count(lines.at("acknowledged")));
  for (const json::value& each : report.at("configurations").get_array())
    fmt::format_to(to, "Configuration {}: {} hosts within {:.2f} s, 99 % within {:.2f} s\n",
                   std::string_view(each.at("configuration").get_string()), count(each.at("hosts")),
                   number(each.at("last")) - number(each.at("first")),
                   number(each.at("p99")) - number(each.at("first")));
  for (const json::value& each : report.at("queries").get_array()) {
    const json::object& received = each.at("received").get_object();
    const json::object& acknowledged = each.at("acknowledged").get_object();
    fmt::format_to(to, "Query {}: {} hosts received it, {} answers acknowledged",
                   std::string_view(each.at("query").get_string()), count(received.at("hosts")),
                   count(acknowledged.at("hosts")));
    if (acknowledged.contains("p95"))
      fmt::format_to(to, ", 95 % within {:.2f} s of the first host's receiving it",
                     number(acknowledged.at("p95")) - number(received.at("first")));
    out += '\n';
  }
  for (const char* who : {"simulator", "server", "database"}) {
    const json::value* each = report.if_contains(who);
    if (!each) continue;
    const json::object& cost = each->get_object();
    fmt::format_to(to, "{:<10} {:6.2f} s CPU", who, number(cost.at("cpu_seconds")));
    if (cost.contains("cpu_percent")) fmt::format_to(to, " ({:.1f} % of a core)", number(cost.at("cpu_percent")));
    if (cost.contains("cpu_microseconds_a_request"))
      fmt::format_to(to, ", {:.1f} µs a request", number(cost.at("cpu_microseconds_a_request")));
    fmt::format_to(to, ", {:.1f} MiB PSS, {:.1f} MiB RSS", number(cost.at("pss_bytes")) / (1 << 20),
                   number(cost.at("rss_bytes")) / (1 << 20));
    if (cost.contains("pss_bytes_a_host"))
      fmt::format_to(to, ", {:.1f} KiB a host", number(cost.at("pss_bytes_a_host")) / 1024);
    if (cost.contains("pss_bytes_a_connection"))
      fmt::format_to(to, ", {:.1f} KiB a connection", number(cost.at("pss_bytes_a_connection")) / 1024);
    out += '\n';
  }
  return out;
}

}  // namespace osprey::fleet
