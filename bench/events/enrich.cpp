// What an event costs of a processor in the process tree and in enrichment, and what a process takes of memory.
//
//   build/bench/enrich_bench [processes]
#include <fmt/format.h>
#include <malloc.h>

#include <cstdlib>
#include <ctime>
#include <string>

#include "events/enrich/enricher.h"

namespace {

using namespace osprey;
using namespace osprey::events;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr int kDepth = 8;  // from init to the shell

double processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

double nanoseconds_each(double since, std::uint64_t count) {
  return (processor_time() - since) / static_cast<double>(count);
}

std::size_t allocated() {
  const auto all = ::mallinfo2();
  return all.uordblks + all.hblkhd;
}

struct Storm {
  ProcessKey shell{1, 10'000'001};
  std::uint64_t start = 2 * kSecond;

  explicit Storm(ProcessTree& tree) {
    for (int i = 0; i < kDepth; ++i) {
      const ProcessKey child{shell.pid + 1, shell.start + 1001};
      tree.fork(shell, child);
      shell = child;
    }
  }
  ProcessKey next() {
    start += 10'007;
    return {static_cast<std::int64_t>(1000 + start % 30'011), start};
  }
};

ProcessEvent exec_of(const ProcessKey& process, const ProcessKey& parent, std::string_view line) {
  ProcessEvent event;
  event.header.moment = process.start + 100;
  event.syscall = "execve";
  event.actor.process = process;
  event.actor.parent = parent;
  event.actor.name = "true";
  event.actor.path = "/usr/bin/true";
  event.actor.cmdline = line;
  event.actor.ids = {.uid = 0, .euid = 0, .gid = 0, .egid = 0};
  return event;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t processes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::string group = "/system.slice/docker-" + std::string(64, 'a') + ".scope";
  ProcessTree tree;
  Enricher enricher(Root::host(), tree, {});
  Storm storm(tree);
  std::string line;
  const auto before = allocated();
  auto since = processor_time();
  for (std::uint64_t i = 0; i < processes; ++i) {
    const auto process = storm.next();
    line = fmt::format("/usr/bin/true --number={}", i);
    enricher.forked(storm.shell, process);
    auto event = exec_of(process, storm.shell, line);
    event.actor.cgroup_path = group;
    enricher.complete(&event);
    ExitEvent exit;
    exit.header.moment = process.start + 200;
    exit.actor.process = process;
    enricher.complete(&exit);
  }
  const auto usage = tree.usage();

  fmt::print("fork, exec and exit, completed: {:.0f} ns a process\n", nanoseconds_each(since, processes));
  fmt::print("in the tree: {} processes, {} bytes each, {} bytes in all ({} allocated), {} forgotten\n",
             usage.processes, usage.bytes / usage.processes, usage.bytes, allocated() - before, usage.forgotten);

  // A socket event of a process that is known.
  const auto process = storm.next();
  enricher.forked(storm.shell, process);
  auto run = exec_of(process, storm.shell, "/usr/bin/true");
  run.actor.cgroup_path = group;
  enricher.complete(&run);
  since = processor_time();
  for (std::uint64_t i = 0; i < processes; ++i) {
    SocketEvent event;
    event.header.moment = process.start + 300;
    event.actor.process = process;
    enricher.complete(&event);
  }
  fmt::print("completing an event of a known process: {:.0f} ns\n", nanoseconds_each(since, processes));
  fmt::print("looks at /proc: {}\n", enricher.counts().looks);
}
