#include "agent/watcher/watcher.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "agent/daemon/program_text.h"
#include "agent/limits/priority.h"
#include "agent/limits/worker_group.h"
#include "agent/schedule/death_note.h"
#include "agent/watcher/performance_limits.h"
#include "agent/watcher/respawn.h"
#include "agent/watcher/usage.h"
#include "base/root.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace osprey::agent {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kExecutable = "/proc/self/exe";
constexpr milliseconds kReapTime{2000};  // a killed worker has this long to be gone

// Whether nobody else can change what would be run next.
Result<void> check_executable() {
  struct stat about{};
  if (::stat(kExecutable, &about) != 0) return system_failure(kExecutable);
  const auto path = Root::host().read_link(kExecutable).value_or(kExecutable);
  if (about.st_uid != 0 && about.st_uid != ::getuid())
    return failure(path, fmt::format("belongs to user {}, neither root nor ours; chown it", about.st_uid));
  if (about.st_mode & S_IWOTH) return failure(path, "can be written by anybody; chmod o-w it");
  return {};
}

// How a worker ended.
struct End {
  int status = 0;                    // as waitpid(2) gives it
  bool asked = false;                // the watcher was told to stop
  std::optional<Death::Kind> limit;  // that the watcher stopped it for
};

Death death_of(const End& end, bool out_of_memory) {
  if (end.limit) return {*end.limit};
  if (out_of_memory) return {Death::Kind::out_of_memory};
  if (WIFSIGNALED(end.status)) return {Death::Kind::signal, WTERMSIG(end.status)};
  return {Death::Kind::exit, WEXITSTATUS(end.status)};
}

class Watcher {
 public:
  Watcher(char* const* arguments, const Flags& flags, const Program& program, StatusLog& status)
      : arguments_(arguments),
        flags_(flags),
        program_(program),
        status_(status),
        limits_(performance_limits(flags)),
        respawn_(limits_, seconds(flags.number("watchdog_max_delay")), program.osquery_compatible),
        group_(WorkerGroup::make(GroupLimits::of(flags))) {
    for (const auto& notice : group_.notices()) tell(StatusLog::Severity::warning, notice);
    sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&signals_, signal);
    sigprocmask(SIG_BLOCK, &signals_, &before_);
    signal_file_.reset(::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  int run() {
    std::string last_death;
    for (;;) {
      if (const auto trusted = check_executable(); !trusted && !flags_.boolean("allow_unsafe")) {
        tell(StatusLog::Severity::error, trusted.error().text());
        return EXIT_FAILURE;
      }
      const auto started = Clock::now();
      if (!start(last_death)) return kCatastrophic;
      forget_program_text();
      const auto end = watch(started);
      if (end.asked) return EXIT_SUCCESS;
      if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == kCatastrophic) return kCatastrophic;
      if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0) return EXIT_SUCCESS;
      // Asked whatever the cause is, so that the next worker is not blamed for it.
      const bool out_of_memory = group_.oom_killed() || oom_seen_;
      oom_seen_ = false;
      last_death = to_text(death_of(end, out_of_memory));
      const auto delay = respawn_.delay_after(std::chrono::duration_cast<milliseconds>(Clock::now() - started));
      if (!delay) {
        tell(StatusLog::Severity::error,
             fmt::format("{} worker keeps dying, the last time by {}: giving up", program_.name, last_death));
        return EXIT_FAILURE;
      }
      tell(StatusLog::Severity::warning, fmt::format("{} worker ({}) ended by {}, the next one starts in {} s",
                                                     program_.name, worker_, last_death, delay->count()));
      if (!wait(*delay)) return EXIT_SUCCESS;
    }
  }

 private:
  // To standard error and syslog: no sink can be relied on here.
  void tell(StatusLog::Severity severity, const std::string& text,
            std::source_location where = std::source_location::current()) {
    if (severity == StatusLog::Severity::error)
      status_.error({text, where});
    else
      status_.warning({text, where});
    ::syslog(severity == StatusLog::Severity::error ? LOG_ERR : LOG_WARNING, "%s", text.c_str());
  }

  bool start(const std::string& last_death) {
    const auto watcher = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
      tell(StatusLog::Severity::error, system_failure("fork").error().text());
      return false;
    }
    if (child == 0) {
      // Without a watcher a worker must not go on.
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != watcher) ::_exit(kCatastrophic);
      ::setenv(kWatcherVariable, fmt::to_string(watcher).c_str(), 1);
      ::setenv(kLastDeathVariable, last_death.c_str(), 1);
      group_.enter();
      if (flags_.number("watchdog_level") >= 0) lower_priority();
      sigprocmask(SIG_SETMASK, &before_, nullptr);
      ::execv(kExecutable, arguments_);
      ::_exit(kCatastrophic);
    }
    worker_ = child;
    return true;
  }

  // Until the worker has ended.
  End watch(Clock::time_point started) {
    PerformanceJudge judge(limits_, std::max(1U, std::thread::hardware_concurrency()));
    auto next = started + kSampleInterval;
    for (;;) {
      if (const auto status = reaped()) return {*status, false, {}};
      const auto signal = next_signal(next - Clock::now());
      if (signal == SIGTERM || signal == SIGINT) return {stop(stop_time()), true, {}};
      if (signal == SIGHUP) ::kill(worker_, SIGHUP);
      if (Clock::now() < next) continue;
      next += kSampleInterval;
      // A helper's end for want of memory is not what the worker dies of later.
      if (group_.oom_killed()) oom_seen_ = !still_running();
      const auto usage = usage_of(worker_);
      if (flags_.boolean("enable_watchdog_debug"))
        status_.debug(fmt::format("{} worker ({}) has used {} ms of processor time and holds {} bytes", program_.name,
                                  worker_, usage.cpu.count(), usage.resident_bytes));
      const auto violation = judge.observe(usage, std::chrono::duration_cast<milliseconds>(Clock::now() - started));
      if (!violation) continue;
      tell(StatusLog::Severity::warning,
           fmt::format("{} worker ({}) stopping: {}", program_.name, worker_, violation->text));
      ::kill(worker_, SIGUSR1);
      return {stop(seconds(flags_.number("watchdog_forced_shutdown_delay"))), false, violation->kind};
    }
  }

  // Asks the worker to end and makes sure that it does. Returns its status.
  int stop(milliseconds patience) {
    ::kill(worker_, SIGTERM);
    if (const auto status = reaped_within(patience)) return *status;
    tell(StatusLog::Severity::warning,
         fmt::format("{} worker ({}) could not be stopped. Sending kill signal.", program_.name, worker_));
    ::kill(worker_, SIGKILL);
    if (const auto status = reaped_within(kReapTime)) return *status;
    // It hangs in the kernel. Another beside it would not get the store.
    tell(StatusLog::Severity::error, fmt::format("{} worker ({}) cannot be killed", program_.name, worker_));
    return W_EXITCODE(kCatastrophic, 0);
  }

  milliseconds stop_time() const { return seconds(std::max<std::int64_t>(flags_.number("alarm_timeout"), 10)); }

  // Whether the worker is no zombie yet.
  bool still_running() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(worker_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0;
  }

  std::optional<int> reaped() const {
    int status = 0;
    if (::waitpid(worker_, &status, WNOHANG) == worker_) return status;
    return std::nullopt;
  }

  std::optional<int> reaped_within(milliseconds patience) {
    const auto until = Clock::now() + patience;
    for (;;) {
      if (const auto status = reaped()) return status;
      if (Clock::now() >= until) return std::nullopt;
      next_signal(until - Clock::now());
    }
  }

  // False: told to stop meanwhile.
  bool wait(seconds delay) {
    const auto until = Clock::now() + delay;
    while (Clock::now() < until) {
      const auto signal = next_signal(until - Clock::now());
      if (signal == SIGTERM || signal == SIGINT) return false;
    }
    return true;
  }

  // The next signal, or 0 after `patience`.
  int next_signal(Clock::duration patience) const {
    pollfd poll{signal_file_.get(), POLLIN, 0};
    const auto time = std::chrono::ceil<milliseconds>(patience).count();
    if (::poll(&poll, 1, static_cast<int>(std::max<std::int64_t>(time, 0))) <= 0) return 0;
    signalfd_siginfo info{};
    if (::read(signal_file_.get(), &info, sizeof info) != sizeof info) return 0;
    return static_cast<int>(info.ssi_signo);
  }

  char* const* arguments_;
  const Flags& flags_;
  const Program& program_;
  StatusLog& status_;
  const PerformanceLimits limits_;
  Respawn respawn_;
  WorkerGroup group_;
  bool oom_seen_ = false;
  sigset_t signals_{};
  sigset_t before_{};
  UniqueFd signal_file_;
  pid_t worker_ = 0;
};

}  // namespace

int run_watcher(char* const* arguments, const Flags& flags, const Program& program, StatusLog& status) {
  return Watcher(arguments, flags, program, status).run();
}

std::optional<int> watcher_of_this_process() {
  const char* value = std::getenv(kWatcherVariable);
  return value ? parse<int>(value) : std::nullopt;
}

}  // namespace osprey::agent
