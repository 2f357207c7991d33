// file_storm [--files=N] [--rate=N] [--seconds=N] [--source=fanotify|inotify]: what watching files costs, in a tmpfs of
// its own in a mount namespace of its own, as root. One line a figure:
//
//   start     seconds and bytes of memory that opening the source takes, with N files below the watched path
//   inside    file operations a second below it: rows told, rows missing, CPU of the reading thread in percent of a
//   core outside   writes a second beside it on the same filesystem, to one file, in one directory, in many: CPU
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "base/text.h"
#include "events/fanotify/fanotify_source.h"
#include "events/inotify/inotify_source.h"

namespace {

using namespace osprey;
using namespace osprey::events;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::size_t files = 1'000'000;
  std::size_t rate = 20'000;
  std::size_t seconds = 10;
  std::string source = "fanotify";
};

[[noreturn]] void leave(const std::string& why) {
  std::fputs((why + '\n').c_str(), stderr);
  std::_Exit(1);
}

class Counter : public EventSink {
 public:
  void take(AnyEvent event) override {
    if (const auto* file = std::get_if<FileEvent*>(&event)) ++counts[static_cast<std::size_t>((*file)->action)];
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}
  std::size_t of(FileAction action) const { return counts[static_cast<std::size_t>(action)]; }
  std::size_t all() const {
    std::size_t sum = 0;
    for (const auto count : counts) sum += count;
    return sum;
  }
  std::array<std::size_t, 9> counts{};
};

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// Resident, of which the kernel's share is none.
std::size_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t size = 0;
  std::size_t pages = 0;
  status >> size >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// What the kernel has in its own caches, slabs, which is where inotify's watches are.
std::size_t slab_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);)
    if (line.starts_with("Slab:")) return std::strtoull(line.c_str() + 5, nullptr, 10) * 1024;
  return 0;
}

void write_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0 || ::write(fd, "x", 1) != 1) leave(path);
  ::close(fd);
}

// Does `act` at the rate in a process of its own, while `source` is read here. CPU of this thread, in percent of a
// core.
double storm(Source& source, Counter& sink, const Arguments& arguments, const std::function<void(std::size_t)>& act) {
  const auto count = arguments.rate * arguments.seconds;
  const auto child = ::fork();
  if (child == 0) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      const auto due = start + std::chrono::nanoseconds(i * 1'000'000'000ULL / arguments.rate);
      while (i % 20 == 0 && Clock::now() < due) ::usleep(200);
      act(i);
    }
    std::printf("          %.0f a second\n", static_cast<double>(count) / seconds(Clock::now() - start));
    std::fflush(stdout);
    ::_exit(0);
  }
  const auto cpu = cpu_seconds();
  const auto start = Clock::now();
  for (bool ended = false;;) {
    if (!ended) ended = ::waitpid(child, nullptr, WNOHANG) > 0;
    pollfd polled{source.descriptor(), POLLIN, 0};
    const int ready = ::poll(&polled, 1, 100);
    if (ended && ready == 0) break;
    for (;;) {
      const auto more = source.next(sink, 10'000);
      if (!more) leave(more.error().text());
      if (!*more) break;
    }
  }
  return (cpu_seconds() - cpu) / seconds(Clock::now() - start) * 100;
}

Arguments arguments_of(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    std::string_view value = values[i];
    const auto name = take_until(value, '=');
    const auto number = parse<std::size_t>(value);
    if (name == "--files" && number)
      arguments.files = *number;
    else if (name == "--rate" && number && *number > 0)
      arguments.rate = *number;
    else if (name == "--seconds" && number)
      arguments.seconds = *number;
    else if (name == "--source")
      arguments.source = value;
    else
      leave(fmt::format("file_storm: {} is not known", values[i]));
  }
  return arguments;
}

}  // namespace

int main(int count, char** values) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto arguments = arguments_of(count, values);
  std::string top = "/tmp/file-storm-XXXXXX";
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mkdtemp(top.data()) == nullptr || ::mount("tmpfs", top.c_str(), "tmpfs", 0, "nr_inodes=3000000") != 0)
    leave("file_storm: as root, please");
  const auto watched = top + "/watched";
  const auto outside = top + "/outside";
  for (const auto& path : {watched, outside}) ::mkdir(path.c_str(), 0755);
  constexpr std::size_t kPerDirectory = 100;
  for (std::size_t i = 0; i < arguments.files; ++i) {
    const auto directory = fmt::format("{}/d{}", watched, i / kPerDirectory);
    if (i % kPerDirectory == 0) ::mkdir(directory.c_str(), 0755);
    const int fd = ::open(fmt::format("{}/f{}", directory, i).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) leave("file_storm: no room for the files");
    ::close(fd);
  }

  Demand demand;
  demand.kinds.set(kKind<FileEvent>);
  demand.watched = {{"bench", {watched + "/%%"}, {}}};
  auto source = arguments.source == "inotify" ? inotify_source({}) : fanotify_source({});
  const auto memory = resident_bytes();
  const auto slab = slab_bytes();
  const auto start = Clock::now();
  if (const auto opened = source->open(demand); !opened) leave(opened.error().text());
  std::printf("start     %.4f s, %.2f MiB resident more, %.2f MiB of kernel slabs more, %zu files\n",
              seconds(Clock::now() - start), static_cast<double>(resident_bytes() - memory) / (1 << 20),
              (static_cast<double>(slab_bytes()) - static_cast<double>(slab)) / (1 << 20), arguments.files);

  Counter sink;
  // A file is made, renamed and removed, each once: nothing of it can be joined away.
  const auto operations = arguments.rate * arguments.seconds;
  const auto inside = storm(*source, sink, arguments, [&](std::size_t i) {
    const auto path = fmt::format("{}/d{}/new{}", watched, i / 3 % 1000, i / 3);
    if (i % 3 == 0) write_file(path);
    if (i % 3 == 1 && ::rename(path.c_str(), (path + "r").c_str()) != 0) leave(path);
    if (i % 3 == 2 && ::unlink((path + "r").c_str()) != 0) leave(path);
  });
  const auto made = (operations + 2) / 3;
  const auto renamed = (operations + 1) / 3;
  const auto removed = operations / 3;
  std::size_t missing = 0;
  for (const auto& [action, expected] :
       {std::pair(FileAction::created, made), std::pair(FileAction::updated, made),
        std::pair(FileAction::moved_from, renamed), std::pair(FileAction::moved_to, renamed),
        std::pair(FileAction::deleted, removed)})
    missing += expected - std::min(expected, sink.of(action));
  std::printf("inside    %zu operations, %zu rows, %zu missing, %.1f %% of a core\n", operations, sink.all(), missing,
              inside);
  std::printf("          %.2f MiB resident more\n", static_cast<double>(resident_bytes() - memory) / (1 << 20));

  const auto told = sink.all();
  const auto to = [&](const char* what, const std::function<std::string(std::size_t)>& path) {
    const auto cpu = storm(*source, sink, arguments, [&](std::size_t i) { write_file(path(i)); });
    std::printf("outside   %s: %.2f %% of a core\n", what, cpu);
  };
  to("one file", [&](std::size_t) { return outside + "/one"; });
  to("5000 files in one directory", [&](std::size_t i) { return fmt::format("{}/f{}", outside, i % 5000); });
  for (int i = 0; i < 1000; ++i) ::mkdir(fmt::format("{}/d{}", outside, i).c_str(), 0755);
  to("20000 files in 1000 directories",
     [&](std::size_t i) { return fmt::format("{}/d{}/f{}", outside, i % 1000, i % 20000); });
  to("a new file each, in 1000 directories",
     [&](std::size_t i) { return fmt::format("{}/d{}/n{}", outside, i % 1000, i); });
  if (sink.all() != told) leave("file_storm: rows of what is outside");
  for (const auto& drop : source->counts().dropped)
    std::printf("dropped   %s, %s: %lu\n", drop.stage.c_str(), drop.reason.c_str(), drop.count);
  source->close();
  ::umount2(top.c_str(), MNT_DETACH);
  ::rmdir(top.c_str());
}
