// sink_driver SINK [--FLAG=VALUE…] [--kafka_topics=TOPIC:QUERY,QUERY…]: lines from standard input through a log buffer
// in memory and the sink runners into one sink, as the agent sends them.
//
// An input line "QUERY<tab>TEXT" is a result line, "!TEXT" a status line, "=QUERY<tab>SIZE" a line of SIZE bytes in
// records of kRecordText. Ends when all has been taken, or at once on SIGTERM; then tells on standard output in JSON
// what came of it.
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <iostream>
#include <mutex>
#include <thread>

#include "agent/logging/sink_runner.h"
#include "base/json.h"
#include "base/text.h"
#include "store/memory_store.h"

namespace {

using namespace osprey;
using namespace osprey::agent;
using namespace std::chrono_literals;

std::atomic<bool> ordered_to_stop = false;

[[noreturn]] void leave(const std::string& why) {
  std::cerr << "sink_driver: " << why << '\n';
  std::_Exit(1);
}

std::shared_ptr<Configuration> configuration_of(std::span<char*> arguments) {
  auto configuration = std::make_shared<Configuration>();
  for (std::string_view argument : arguments) {
    argument.remove_prefix(std::min<std::size_t>(2, argument.size()));
    const auto name = take_until(argument, '=');
    if (name == "kafka_topics") {
      const std::string topic(take_until(argument, ':'));
      for (const auto query : split(argument, ',')) configuration->kafka_topics[topic].emplace_back(query);
      continue;
    }
    const auto* flag = find_flag(name);
    if (!flag || !configuration->flags.set(*flag, argument)) leave(fmt::format("bad flag {}", name));
  }
  return configuration;
}

void commit(LogBuffer& buffer, LineRecord record) {
  std::vector<LineRecord> records;
  records.push_back(std::move(record));
  if (auto done = buffer.commit({}, std::move(records)); !done) leave(done.error().text());
}

void commit_long(LogBuffer& buffer, const std::string& query, std::size_t size) {
  auto staged = buffer.stage();
  for (std::size_t begun = 0; begun < size; begun += kRecordText) {
    const auto bytes = std::min(kRecordText, size - begun);
    const bool last = begun + bytes == size;
    LineRecord part{.query = query, .text = std::string(bytes, 'x'), .continues = begun > 0, .goes_on = !last};
    if (last) {
      part.text += '\n';
      part.lines = 1;
    }
    if (auto added = staged->add(StagedLines::Part::second, std::move(part)); !added) leave(added.error().text());
  }
  if (auto done = buffer.commit({}, std::move(staged)); !done) leave(done.error().text());
}

void feed(LogBuffer& buffer, StatusLog& status) {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::string_view rest = line;
    if (rest.starts_with('!')) {
      status.warning(rest.substr(1));
    } else if (rest.starts_with('=')) {
      rest.remove_prefix(1);
      const std::string query(take_until(rest, '\t'));
      commit_long(buffer, query, parse<std::size_t>(rest).value_or(0));
    } else {
      const std::string query(take_until(rest, '\t'));
      commit(buffer, {.query = query, .text = std::string(rest) + '\n', .lines = 1});
    }
  }
}

void tell(const SinkReport& sink, const Losses& losses, std::chrono::milliseconds stopping) {
  auto out = fmt::format(R"({{"delivered":{},"failures":{},"backlog":{},"target":)", sink.delivered_lines,
                         sink.failures, sink.backlog.lines);
  append_json_string(out, sink.target);
  out += R"(,"last_error":)";
  append_json_string(out, sink.last_error);
  out += R"(,"losses":{)";
  std::string_view before;
  for (const auto& loss : losses.list()) {
    out += before;
    append_json_string(out, loss.source + "/" + loss.stage + "/" + loss.reason);
    out += fmt::format(":[{},{}]", loss.lost, loss.lost_bytes);
    before = ",";
  }
  out += fmt::format(R"(}},"stop_ms":{}}})", stopping.count());
  std::cout << out << std::endl;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) leave("which sink?");
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, [](int) { ordered_to_stop = true; });
  const std::string sink = arguments[1];
  const auto configuration = configuration_of(std::span(arguments, static_cast<std::size_t>(count)).subspan(2));
  configuration->flags.set("logger_plugin", sink);

  Program program;
  program.name = "ospreyd";
  StatusLog status;
  const auto store = store::memory_store();
  Losses losses(*store);
  auto buffer = open_log_buffer(*store, losses, status, {});
  if (!buffer) leave(buffer.error().text());
  if (auto named = (*buffer)->set_sinks({sink}); !named) leave(named.error().text());
  status.set_receiver([&](const protocol::StatusLine& line) {
    commit(**buffer, {.kind = LineKind::status, .text = protocol::encode(line), .lines = 1});
  });
  SinkRunners runners(**buffer, {program, status, losses, [] { return std::string("host"); }},
                      {.first = 100ms, .longest = 1s});
  if (auto started = runners.start(configuration); !started) leave(started.error().text());

  std::atomic<bool> fed = false;
  std::thread([&] {
    feed(**buffer, status);
    fed = true;
  }).detach();
  while (!ordered_to_stop && (!fed || (*buffer)->backlog(sink).records > 0)) std::this_thread::sleep_for(10ms);

  const auto reports = runners.list();
  const auto begun = std::chrono::steady_clock::now();
  runners.stop(0ms);
  const auto stopping = std::chrono::steady_clock::now() - begun;
  tell(reports.at(0), losses, std::chrono::duration_cast<std::chrono::milliseconds>(stopping));
  std::_Exit(0);  // the reader of standard input may hang in it
}
