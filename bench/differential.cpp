// What the differential costs beyond the query itself, on RocksDB: a result of a million rows (or of as many as are
// asked for) of which one in a hundred has changed, and a small one that has not.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/differential/differential.h"
#include "base/text.h"
#include "sql/connection.h"
#include "store/rocksdb_store.h"

namespace {

using namespace osprey;
using namespace osprey::agent;

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(1);
}

template <class T>
T need(Result<T> result) {
  if (!result) give_up(result.error().text());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The peak since the last call.
double peak_mib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  double kib = 0;
  while (status >> word && word != "VmHWM:") {
  }
  status >> kib;
  std::ofstream("/proc/self/clear_refs") << 5;
  return kib / 1024;
}

struct Bench {
  explicit Bench(const std::string& directory)
      : opened(need(store::open_rocksdb({.directory = directory, .cap_bytes = 512 << 20}))),
        losses(*opened.store),
        buffer(need(open_log_buffer(*opened.store, losses, status, {.cap_bytes = 128 << 20}))),
        differential(make_differential(*opened.store, *buffer, status)),
        connection([this] {
          sql::ConnectionOptions options;
          options.registry = &registry;
          return options;
        }()) {
    need(buffer->set_sinks({"sink"}));
  }

  // Goes through the query's rows, and hands them to `run` where there is one.
  void query(std::string_view sql, ResultRun* run) {
    connection.begin({});
    auto statement = *connection.prepare(sql).value();
    while (statement.step().value())
      if (run) need(run->add(statement));
  }
  RunOutcome differ(std::string_view sql, const RunPlan& plan) {
    auto run = need(differential->begin(plan, {"host", {}, [] { return std::int64_t{0}; }}));
    query(sql, run.get());
    return need(run->finish());
  }

  StatusLog status;
  store::Opened opened;
  Losses losses;
  std::unique_ptr<LogBuffer> buffer;
  std::unique_ptr<Differential> differential;
  sql::Registry registry;
  sql::Connection connection;
};

// One row in `share` is of that generation.
std::string query_of(std::uint64_t rows, int generation, int share) {
  return fmt::format(
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < {}) "
      "select i as pid, 'process ' || (i % 977) as name, '/usr/lib/some/where/program-' || i as path, i % 7 as state, "
      "case when i % {} = 0 then {} else 0 end as generation, i * 1.5 as size from n",
      rows, share, generation);
}

void large(Bench& bench, std::uint64_t rows) {
  RunPlan plan{.name = "large", .sql = "large"};
  const auto differ = [&](const std::string& sql) {
    peak_mib();
    auto before = cpu_seconds();
    bench.query(sql, nullptr);
    const auto alone = cpu_seconds() - before;
    before = cpu_seconds();
    const auto begun = std::chrono::steady_clock::now();
    const auto outcome = bench.differ(sql, plan);
    const auto both = cpu_seconds() - before;
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begun;
    fmt::print("| {} rows, {} added, {} removed | {:.2f} | {:.2f} | {:.2f} | {:.0f} |\n", outcome.rows, outcome.added,
               outcome.removed, alone, both - alone, wall.count(), peak_mib());
    std::fflush(stdout);
  };
  plan.log = false;  // a million lines are the buffer's matter
  differ(query_of(rows, 0, 100));
  plan.log = true;
  differ(query_of(rows, 1, 100));
  differ(query_of(rows, 2, 100));
  differ(query_of(rows, 2, 100));
  differ(query_of(rows, 3, 10));
}

void small(Bench& bench) {
  constexpr int kRuns = 3000;
  const auto sql = query_of(200, 0, 100);
  const RunPlan plan{.name = "small", .sql = "small"};
  bench.differ(sql, plan);
  auto before = cpu_seconds();
  for (int i = 0; i < kRuns; ++i) bench.query(sql, nullptr);
  const auto alone = cpu_seconds() - before;
  before = cpu_seconds();
  for (int i = 0; i < kRuns; ++i) bench.differ(sql, plan);
  const auto both = cpu_seconds() - before;
  fmt::print("200 rows of 6 columns, nothing changed: {:.0f} us beyond the query's own {:.0f} us\n",
             (both - alone) / kRuns * 1e6, alone / kRuns * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const auto rows = argc > 1 ? parse<std::uint64_t>(argv[1]) : 1'000'000;
  if (!rows) give_up("usage: differential_bench [ROWS]");
  std::string directory = std::filesystem::temp_directory_path() / "osprey-bench-XXXXXX";
  if (!::mkdtemp(directory.data())) give_up("no temporary directory");
  {
    Bench bench(directory);
    small(bench);
    fmt::print("\n| result | query's CPU s | beyond it CPU s | wall s | peak MiB |\n| --- | --- | --- | --- | --- |\n");
    large(bench, *rows);
  }
  std::filesystem::remove_all(directory);
}
