// Stores result lines at a steady rate into a table that is large already, and searches it.
//
//   build/bench/results_bench [sqlite|postgresql] [prefill] [seconds] [rate] [folder]
//   build/bench/results_bench postgresql 20000000 300 30000
//
// The scratch database (PostgreSQL as an administrator would set it up for this, every commit on the disk) is made in
// `folder` and removed at the end. Each batch is what one of 100,000 hosts would send: ten lines of about 520 bytes.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <random>

#include "base/text.h"
#include "server/db/postgresql_cluster.h"
#include "server/results/results.h"

namespace {

using namespace osprey;
using namespace osprey::server;
using std::chrono::duration;
using std::chrono::steady_clock;

constexpr int kHosts = 100'000;
constexpr int kLinesOfBatch = 10;
constexpr std::string_view kNeedle = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

double seconds_since(steady_clock::time_point start) { return duration<double>(steady_clock::now() - start).count(); }

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// Lines as a fleet's process query gives them: few names and paths, many numbers, a hash that few share.
class Generator {
 public:
  std::string line(std::string_view hash = {}) {
    const std::uint64_t r = random_();
    std::string own;
    if (hash.empty()) {
      own = fmt::format("{:016x}{:016x}{:016x}{:016x}", r * 3, r * 5, r * 7, r % 50'000);
      hash = own;
    }
    return fmt::format(
        R"({{"name":"pack_security_query{}","hostIdentifier":"host-{}","calendarTime":"Thu Mar  5 14:04:05 2026 UTC",)"
        R"("unixTime":1772719445,"epoch":0,"counter":{},"numerics":false,"columns":{{"pid":"{}","parent":"{}",)"
        R"("name":"process{}","path":"/usr/lib/package{}/bin/process{}","cmdline":"process{} --worker --number={}",)"
        R"("uid":"{}","start_time":"{}","sha256":"{}"}},"action":"added"}})",
        r % 60, r % kHosts, r % 1000, r >> 8 & 0x3fffff, r >> 30 & 0x3fff, r % 700, r % 300, r % 700, r % 700,
        r >> 20 & 0xffff, r % 40, 1'772'000'000 + (r >> 40 & 0xfffff), hash);
  }
  results::LogBatch batch() {
    results::LogBatch batch{.host = static_cast<std::int64_t>(random_() % kHosts + 1), .received = clock_()};
    for (int i = 0; i < kLinesOfBatch; ++i) batch.lines.push_back(line());
    return batch;
  }

 private:
  std::mt19937_64 random_{7};
  Clock clock_ = server::system_clock();
};

// How long batches took from store() to being durable.
class Latencies {
 public:
  void add(double ms) {
    std::lock_guard lock(mutex_);
    all_.push_back(ms);
  }
  std::string text() {
    std::lock_guard lock(mutex_);
    std::ranges::sort(all_);
    const auto at = [&](double share) {
      return all_.empty() ? 0 : all_[static_cast<std::size_t>(share * static_cast<double>(all_.size() - 1))];
    };
    return fmt::format("p50 {:.0f} ms, p99 {:.0f} ms, most {:.0f} ms", at(0.5), at(0.99), at(1));
  }

 private:
  std::mutex mutex_;
  std::vector<double> all_;
};

struct Run {
  results::Results& results;
  Generator generator;
  std::atomic<std::int64_t> stored{0}, failed{0};
  std::int64_t refused = 0;
  Latencies latencies;

  // False: too much is waiting.
  bool send() {
    const auto start = steady_clock::now();
    return results.store(generator.batch(), [this, start](const Result<void>& result) {
      (result ? stored : failed) += kLinesOfBatch;
      latencies.add(seconds_since(start) * 1000);
    });
  }
};

void fill(results::Results& results, std::int64_t lines) {
  if (lines == 0) return;
  Run run{results};
  const auto start = steady_clock::now();
  std::int64_t sent = 0, shown = 0;
  for (; sent < lines; sent += kLinesOfBatch) {
    while (!run.send()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (sent / 1'000'000 > shown) {
      shown = sent / 1'000'000;
      fmt::print(stderr, "  {} million, {:.0f} lines a second so far\n", shown,
                 static_cast<double>(sent) / seconds_since(start));
    }
  }
  while (run.stored + run.failed < sent) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  fmt::print("filled: {} lines in {:.1f} s, {:.0f} a second, {} failed\n", run.stored.load(), seconds_since(start),
             static_cast<double>(run.stored) / seconds_since(start), run.failed.load());
}

void keep_rate(results::Results& results, int seconds, int rate) {
  if (seconds == 0) return;
  Run run{results};
  const double cpu = cpu_seconds();
  const auto start = steady_clock::now();
  auto next_maintenance = start + std::chrono::seconds(60);
  std::thread maintenance;
  std::int64_t due = 0;
  int slow_seconds = 0;
  std::int64_t last = 0;
  double last_at = 0;
  for (double at = 0; (at = seconds_since(start)) < seconds;) {
    due = static_cast<std::int64_t>(at * rate);
    if (steady_clock::now() >= next_maintenance) {
      next_maintenance += std::chrono::seconds(60);
      if (maintenance.joinable()) maintenance.join();
      maintenance = std::thread([&] { (void)results.maintain(server::system_clock()()); });
    }
    static std::int64_t sent = 0;
    for (; sent < due; sent += kLinesOfBatch)
      if (!run.send()) run.refused += kLinesOfBatch;
    if (at - last_at >= 10) {
      const std::int64_t stored = run.stored;
      const double now_rate = static_cast<double>(stored - last) / (at - last_at);
      if (now_rate < rate * 0.95) ++slow_seconds;
      fmt::print(stderr, "  {:.0f} s: {:.0f} lines a second, {} waiting\n", at, now_rate, sent - run.refused - stored);
      last = stored;
      last_at = at;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (maintenance.joinable()) maintenance.join();
  const double taken = seconds_since(start);
  const std::int64_t in_time = run.stored;
  while (run.stored + run.failed + run.refused < due) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  fmt::print(
      "kept: {:.0f} lines a second for {:.0f} s (aim {}), {} refused, {} failed, behind at the end {:.1f} s, {} "
      "ten seconds below 95 %; acknowledged {}; this process used {:.2f} cores\n",
      static_cast<double>(in_time) / taken, taken, rate, run.refused, run.failed.load(), seconds_since(start) - taken,
      slow_seconds, run.latencies.text(), (cpu_seconds() - cpu) / taken);
}

void search(results::Results& results, std::string_view what, const results::Filter& filter, int times = 5) {
  double best = 1e9, worst = 0;
  std::size_t found = 0;
  bool complete = false;
  for (int i = 0; i < times; ++i) {
    const auto start = steady_clock::now();
    const auto page = results.search(filter, std::nullopt, 100, std::chrono::seconds(20));
    const double took = seconds_since(start) * 1000;
    if (!page) {
      fmt::print("search {}: {}\n", what, page.error().text());
      return;
    }
    best = std::min(best, took);
    worst = std::max(worst, took);
    found = page->lines.size();
    complete = !page->next;
  }
  fmt::print("search {}: {} lines{} in {:.0f} to {:.0f} ms\n", what, found, complete ? " (all)" : "", best, worst);
}

void search_all(results::Results& results) {
  using Match = results::ValueMatch;
  search(results, "nothing (newest)", {});
  search(results, "needle sha256", {.values = {{"sha256", std::string(kNeedle)}}});
  search(results, "value that is nowhere", {.values = {{"sha256", "nowhere"}}});
  search(results, "pid 12345", {.values = {{"pid", "12345"}}});
  search(results, "frequent value", {.values = {{"uid", "7"}}});
  search(results, "two values", {.values = {{"uid", "7"}, {"name", "process77"}}});
  search(results, "host", {.hosts = {4711}});
  search(results, "host and value", {.hosts = {4711}, .values = {{"uid", "7"}}});
  search(results, "query", {.queries = {"pack_security_query7"}});
  search(results, "query that is nowhere", {.queries = {"nowhere"}});
  search(results, "contains", {.values = {{"path", "package77/", Match::How::contains}}});
  search(results, "text that is nowhere (20 s at most)", {.text = "nowhere"}, 1);
  const auto start = steady_clock::now();
  const auto facets = results.facets({}, {.columns = {"name", "uid"}});
  if (facets) fmt::print("facets: of {} lines in {:.0f} ms\n", facets->lines, seconds_since(start) * 1000);
}

void show_size(results::Results& results) {
  if (const auto statistics = results.statistics())
    fmt::print(
        "holds: {} rows, {:.1f} GB, {:.0f} bytes a row\n", statistics->rows,
        static_cast<double>(statistics->bytes) / 1e9,
        static_cast<double>(statistics->bytes) / static_cast<double>(std::max<std::int64_t>(1, statistics->rows)));
}

int measure(const std::string& url, std::int64_t prefill, int seconds, int rate) {
  auto database = db::open({.url = url});
  const db::Schema schemas[] = {results::schema()};
  if (!database || !(*database)->migrate(schemas)) return EXIT_FAILURE;
  const auto results = results::make_results(**database);
  (void)results->maintain(server::system_clock()());
  fill(*results, prefill / 2);
  Generator generator;
  results->store({.host = 4711, .received = server::system_clock()(), .lines = {generator.line(kNeedle)}},
                 [](const Result<void>&) {});
  fill(*results, prefill - prefill / 2);
  show_size(*results);
  keep_rate(*results, seconds, rate);
  show_size(*results);
  (void)results->maintain(Timestamp{server::system_clock()().ms + 2 * 3'600'000});
  search_all(*results);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, std::string_view fallback) { return std::string(i < argc ? argv[i] : fallback); };
  const std::int64_t prefill = osprey::parse<std::int64_t>(argument(2, "1000000")).value_or(0);
  const int seconds = osprey::parse<int>(argument(3, "20")).value_or(0);
  const int rate = osprey::parse<int>(argument(4, "30000")).value_or(1);
  const std::filesystem::path folder = argument(5, "/tmp");
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argument(1, "postgresql") == "sqlite") {
    const std::filesystem::path file = folder / fmt::format("osprey-results-bench-{}.db", ::getpid());
    const int status = measure("sqlite:" + file.string(), prefill, seconds, rate);
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file.string() + suffix);
    return status;
  }
  db::PostgresqlCluster cluster(db::PostgresqlCluster::Settings{{"shared_buffers", "2GB"},
                                                                {"max_wal_size", "8GB"},
                                                                {"checkpoint_timeout", "15min"},
                                                                {"wal_compression", "lz4"},
                                                                {"wal_buffers", "64MB"},
                                                                {"effective_cache_size", "12GB"}},
                                folder);
  return measure(cluster.create_database(), prefill, seconds, rate);
}
