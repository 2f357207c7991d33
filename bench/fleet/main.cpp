// fleet_simulator: the first process starts the workers, leads them through the stages, watches what others cost, and
// reports.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "fleet/clock.h"
#include "fleet/options.h"
#include "fleet/report.h"
#include "fleet/shared.h"
#include "fleet/worker.h"

namespace osprey::fleet {
namespace {

constexpr useconds_t kLook = 20'000;  // microseconds between two looks at the workers

volatile sig_atomic_t interrupted = 0;

void interrupt(int) { interrupted = 1; }

// Shared with the processes that are forked from now on; zero at first, never given back.
template <class T>
std::span<T> share(std::size_t count) {
  void* memory = ::mmap(nullptr, std::max<std::size_t>(count, 1) * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  T* first = static_cast<T*>(memory);
  std::uninitialized_value_construct_n(first, count);
  return {first, count};
}

Result<void> check_descriptors(const Options& options) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t needed = (options.most_links() + options.processes - 1) / options.processes + 32;
  if (needed <= limit.rlim_max) return {};
  return failure(
      "--processes",
      fmt::format("each of {} would need {} descriptors, RLIMIT_NOFILE is {}: take {} processes", options.processes,
                  needed, limit.rlim_max, options.most_links() / (limit.rlim_max - 32) + 1));
}

// Lines "HOST KEY", by the host's number. Gives back the keys of hosts that are not of this run.
Result<std::map<std::uint32_t, std::string>> read_keys(const Options& options, const Shared& shared) {
  std::map<std::uint32_t, std::string> others;
  if (options.keys_file.empty()) return others;
  std::ifstream file(options.keys_file);
  if (!file && errno != ENOENT) return system_failure(options.keys_file);
  std::uint32_t number = 0;
  std::size_t line = 0;
  for (std::string key; file >> number >> key;) {
    ++line;
    if (key.size() >= sizeof HostRecord::node_key)
      return failure(fmt::format("{}:{}", options.keys_file, line), "a key of 128 bytes and more");
    if (number < options.first_host || number - options.first_host >= shared.hosts.size()) {
      others[number] = key;
      continue;
    }
    char* kept = shared.hosts[number - options.first_host].node_key;
    kept[key.copy(kept, key.size())] = '\0';
  }
  if (file.is_open() && !file.eof())
    return failure(fmt::format("{}:{}", options.keys_file, line + 1), "expected a host's number and its node key");
  return others;
}

Result<void> write_keys(const Options& options, const Shared& shared,
                        const std::map<std::uint32_t, std::string>& others) {
  if (options.keys_file.empty()) return {};
  const std::string beside = options.keys_file + ".new";
  UniqueFd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  std::string text;
  for (const auto& [number, key] : others) text += fmt::format("{} {}\n", number, key);
  for (std::size_t i = 0; i < shared.hosts.size(); ++i)
    if (shared.hosts[i].node_key[0]) text += fmt::format("{} {}\n", options.first_host + i, shared.hosts[i].node_key);
  for (std::size_t at = 0; fd && at < text.size();) {
    const ssize_t written = ::write(fd.get(), text.data() + at, text.size() - at);
    if (written < 0) return system_failure(beside);
    at += static_cast<std::size_t>(written);
  }
  if (!fd || ::rename(beside.c_str(), options.keys_file.c_str()) != 0) return system_failure(beside);
  return {};
}

class Run {
 public:
  Run(const Options& options, const Shared& shared, const std::map<std::uint32_t, std::string>& other_keys)
      : options_(options), shared_(shared), other_keys_(other_keys) {}
  ~Run() { end_workers(); }

  Result<void> start_workers(std::span<const Address> servers);
  Result<void> lead();
  const Course& course() const noexcept { return course_; }

 private:
  void watch(Cost Course::Watched::* moment);
  std::uint32_t connected() const;
  bool workers_live();
  Result<void> bring_to(Stage stage, std::string_view doing);
  Result<void> run_turns();
  void progress(double seconds);
  void end_workers();

  const Options& options_;
  const Shared& shared_;
  const std::map<std::uint32_t, std::string>& other_keys_;
  std::vector<pid_t> workers_;
  Course course_;
  std::uint64_t shown_ = 0;
};

Result<void> Run::start_workers(std::span<const Address> servers) {
  for (unsigned index = 0; index < options_.processes; ++index) {
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return system_failure("fork");
    if (pid == 0) {
      // Ctrl-C reaches the whole group; the first process tells the stages.
      ::signal(SIGINT, SIG_IGN);
      ::signal(SIGTERM, SIG_DFL);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      const auto done = run_worker(options_, servers, shared_, index);
      if (!done) fmt::print(stderr, "fleet_simulator: {}\n", done.error().text());
      ::_exit(done ? 0 : 1);
    }
    workers_.push_back(pid);
  }
  return {};
}

void Run::watch(Cost Course::Watched::* moment) {
  const pid_t self = ::getpid();
  course_.simulator.*moment = cost_of({&self, 1});
  course_.server.*moment = cost_of(options_.server_pids);
  course_.database.*moment = cost_of(options_.database_pids);
}

std::uint32_t Run::connected() const {
  std::uint64_t total = 0;
  for (const WorkerPart& part : shared_.workers) total += part.connected.get();
  return static_cast<std::uint32_t>(total);
}

bool Run::workers_live() {
  for (const pid_t pid : workers_) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0)
      return false;
  }
  return true;
}

// The stage, until every worker has reached its end.
Result<void> Run::bring_to(Stage stage, std::string_view doing) {
  shared_.control->stage.store(stage, std::memory_order_release);
  const std::int64_t begun = monotonic_microseconds();
  std::int64_t next_word = begun + 5'000'000;
  const auto reached = [&](const WorkerPart& part) { return part.reached.load(std::memory_order_acquire) >= stage; };
  while (!std::ranges::all_of(shared_.workers, reached)) {
    if (interrupted) return failure(std::string(doing), "interrupted");
    if (!workers_live()) return failure(std::string(doing), "a worker has ended before its time");
    const std::int64_t now = monotonic_microseconds();
    if (now - begun > static_cast<std::int64_t>(options_.patience * 1e6)) {
      for (const WorkerPart& part : shared_.workers)
        if (part.sampled.get())
          return failure(std::string(doing), fmt::format("not done within --patience; {}", part.samples[0].text));
      return failure(std::string(doing), "not done within --patience");
    }
    if (now >= next_word && !options_.quiet) {
      fmt::print(stderr, "{}: {} connections\n", doing, connected());
      next_word = now + 5'000'000;
    }
    ::usleep(kLook);
  }
  return {};
}

void Run::progress(double seconds) {
  std::uint64_t answered = 0, failures = 0;
  for (const WorkerPart& part : shared_.workers) {
    for (const Figures& figures : part.figures) {
      for (const Figures::OfKind& kind : figures.kinds) {
        answered += kind.answered.get();
        for (const Counter& failure : kind.failures) failures += failure.get();
      }
    }
  }
  fmt::print(stderr, "{:.1f} requests/s, {} errors so far, {} connections\n",
             static_cast<double>(answered - shown_) / seconds, failures, connected());
  shown_ = answered;
}

Result<void> Run::run_turns() {
  Control& control = *shared_.control;
  const auto microseconds = [](double seconds) { return static_cast<std::int64_t>(seconds * 1e6); };
  const std::int64_t start = monotonic_microseconds() + 100'000;
  const std::int64_t measure_from = start + microseconds(options_.warm_up);
  const std::int64_t end = options_.duration > 0 ? measure_from + microseconds(options_.duration) : 0;
  control.start = start;
  control.measure_from = measure_from;
  control.end = end;
  control.stage.store(Stage::running, std::memory_order_release);
  if (!options_.quiet) fmt::print(stderr, "running: {} connections\n", course_.connections);
  constexpr std::int64_t kWord = 10'000'000;
  std::int64_t next_word = start + kWord;
  bool measuring = false;
  for (std::int64_t now = start; !interrupted && (end == 0 || now < end); now = monotonic_microseconds()) {
    if (!measuring && now >= measure_from) {
      watch(&Course::Watched::measuring);
      measuring = true;
    }
    if (now >= next_word) {
      if (!options_.quiet) progress(static_cast<double>(kWord) / 1e6);
      next_word += kWord;
    }
    if (!workers_live()) return failure("a worker", "it has ended before its time");
    ::usleep(kLook);
  }
  const std::int64_t ended = std::max(measure_from, monotonic_microseconds());
  course_.measured = static_cast<double>(ended - measure_from) / 1e6;
  course_.connections_at_end = connected();
  watch(&Course::Watched::end);
  if (!measuring) course_.simulator.measuring = course_.simulator.end;
  return {};
}

Result<void> Run::lead() {
  const auto seconds_since = [](std::int64_t then) {
    return static_cast<double>(monotonic_microseconds() - then) / 1e6;
  };
  watch(&Course::Watched::at_start);
  const std::int64_t enrolling = monotonic_microseconds();
  if (auto done = bring_to(Stage::enrolling, "enrolling"); !done) return done;
  course_.enrolling = seconds_since(enrolling);
  // A run that is broken off later need not enrol anew.
  if (auto kept = write_keys(options_, shared_, other_keys_); !kept) return kept;
  const std::int64_t connecting = monotonic_microseconds();
  if (auto done = bring_to(Stage::connecting, "connecting"); !done) return done;
  course_.connecting = seconds_since(connecting);
  course_.connections = connected();
  watch(&Course::Watched::connected);
  if (auto done = run_turns(); !done) return done;
  end_workers();
  return write_keys(options_, shared_, other_keys_);
}

void Run::end_workers() {
  shared_.control->stage.store(Stage::stopping, std::memory_order_release);
  for (const pid_t pid : workers_) ::waitpid(pid, nullptr, 0);
  workers_.clear();
}

Result<void> print(const Options& options, const boost::json::object& result) {
  const std::string text = boost::json::serialize(result) + "\n";
  if (options.json_file == "-") {
    fmt::print("{}", text);
    return {};
  }
  fmt::print("{}", as_text(result));
  if (options.json_file.empty()) return {};
  std::ofstream file(options.json_file);
  file << text;
  file.close();
  if (!file) return system_failure(options.json_file);
  return {};
}

Result<void> simulate(const Options& options) {
  if (auto checked = check_descriptors(options); !checked) return checked;
  const std::vector<Address> servers = TRY(resolve(options));
  Shared shared;
  shared.control = share<Control>(1).data();
  shared.workers = share<WorkerPart>(options.processes);
  shared.names = share<Names>(options.processes);
  shared.hosts = share<HostRecord>(options.hosts);
  const auto other_keys = TRY(read_keys(options, shared));
  const bool enrolls = std::ranges::any_of(shared.hosts, [](const HostRecord& host) { return !host.node_key[0]; });
  if (enrolls && options.secret.empty())
    return failure("--secret-file", "needed to enrol hosts that --keys has no node key of");
  Run run(options, shared, other_keys);
  if (auto started = run.start_workers(servers); !started) return started;
  if (auto led = run.lead(); !led) return led;
  return print(options, report(options, shared, run.course()));
}

}  // namespace
}  // namespace osprey::fleet

int main(int argc, char** argv) {
  const osprey::fleet::Options options = osprey::fleet::parse_command_line(argc, argv);
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
  ::signal(SIGINT, osprey::fleet::interrupt);
  ::signal(SIGTERM, osprey::fleet::interrupt);
  const auto done = osprey::fleet::simulate(options);
  if (done) return EXIT_SUCCESS;
  fmt::print(stderr, "fleet_simulator: {}\n", done.error().text());
  return EXIT_FAILURE;
}
