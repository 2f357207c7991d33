// What it costs to log: a million result lines of 350 bytes through the log buffer on RocksDB and the runner into the
// filesystem sink, once in records as a large result makes them, once (a tenth as many) a line a commit.
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/logging/sink_runner.h"
#include "store/rocksdb_store.h"

namespace {

using namespace osprey;
using namespace osprey::agent;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLineSize = 350;

double processor_seconds() {
  ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const ::timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * time.tv_usec; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// As a line of process_events is: much that repeats, some that does not.
void append_line(std::string& text, unsigned number) {
  const auto begin = text.size();
  fmt::format_to(
      std::back_inserter(text),
      R"({{"name":"pack_bench_processes","hostIdentifier":"host-1","calendarTime":"Sun Nov 22 06:38:45 2026 UTC",)"
      R"("unixTime":1795329525,"epoch":0,"counter":{},"numerics":false,"columns":{{"pid":"{}","path":"/usr/bin/x{:x}",)"
      R"("cmdline":")",
      number / 1000, number % 32768, number * 2654435761U);
  while (text.size() - begin < kLineSize - 21)
    text += static_cast<char>('a' + (number = number * 1664525 + 1013904223) % 26);
  text += "\"},\"action\":\"added\"}\n";
}

struct Outcome {
  double processor;
  double wall;
};

Outcome run(const std::filesystem::path& top, unsigned lines, std::size_t record_size) {
  std::filesystem::create_directories(top / "log");
  auto opened = store::open_rocksdb({.directory = top / "store", .cap_bytes = std::uint64_t{1} << 30});
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().text());
    std::exit(1);
  }
  Losses losses(*opened->store);
  StatusLog status;
  auto buffer = *open_log_buffer(*opened->store, losses, status, {.cap_bytes = 256 << 20, .cap_lines = 0});
  Program program;
  SinkRunners runners(*buffer, {program, status, losses, [] { return std::string(); }});
  auto configuration = std::make_shared<Configuration>();
  configuration->flags.set("logger_path", (top / "log").string());
  configuration->flags.set("logger_max_mb", "0");
  (void)runners.start(configuration);

  const auto begin = Clock::now();
  const auto processor = processor_seconds();
  for (unsigned line = 0; line < lines;) {
    LineRecord record{.kind = LineKind::result, .query = "pack_bench_processes"};
    for (; line < lines && record.text.size() < record_size; ++line, ++record.lines) append_line(record.text, line);
    std::vector<LineRecord> records;
    records.push_back(std::move(record));
    if (!buffer->commit({}, std::move(records))) std::exit(1);
  }
  runners.stop(std::chrono::minutes(5));
  const Outcome outcome{processor_seconds() - processor, std::chrono::duration<double>(Clock::now() - begin).count()};
  std::ifstream file(top / "log" / "ospreyd.results.log", std::ios::ate);
  const auto size = static_cast<std::uint64_t>(file.tellg());
  if (size != std::uint64_t{lines} * kLineSize || !losses.list().empty()) {
    fmt::print(stderr, "{} bytes arrived of {}\n", size, std::uint64_t{lines} * kLineSize);
    std::exit(1);
  }
  return outcome;
}

void report(std::string_view what, unsigned lines, const Outcome& outcome) {
  fmt::print(
      "{:<28} {:>9} lines  {:6.2f} s CPU  {:6.2f} s  {:>9.0f} lines a CPU second  {:4.1f} % of a core at 20,000/s\n",
      what, lines, outcome.processor, outcome.wall, lines / outcome.processor,
      100 * outcome.processor * 20'000 / lines);
}

}  // namespace

int main() {
  std::string pattern = std::filesystem::temp_directory_path() / "osprey-bench-XXXXXX";
  const std::filesystem::path top(::mkdtemp(pattern.data()));
  report("records of 64 KiB", 1'000'000, run(top / "records", 1'000'000, kRecordText - kLineSize));
  report("a line a commit", 100'000, run(top / "lines", 100'000, 1));
  std::filesystem::remove_all(top);
}
