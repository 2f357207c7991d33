#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "events/connector/connector_source.h"
#include "events/enrich/enricher.h"
#include "linux/netlink/bytes_test.h"

namespace osprey::events {
namespace {

using linux::message_bytes;
using linux::number_bytes;
using namespace std::chrono_literals;

std::string packet(const proc_event& event, std::size_t size, std::uint32_t idx = CN_IDX_PROC) {
  cn_msg head{};
  head.id = {idx, CN_VAL_PROC};
  head.seq = 9;
  head.len = static_cast<std::uint16_t>(size);
  std::string payload(reinterpret_cast<const char*>(&head), sizeof head);
  payload.append(reinterpret_cast<const char*>(&event), size);
  return message_bytes(NLMSG_DONE, payload);
}

TEST(ConnectorEvents, AreReadByKind) {
  proc_event event{};
  event.what = proc_event::PROC_EVENT_FORK;
  event.cpu = 3;
  event.timestamp_ns = 77;
  event.event_data.fork = {10, 11, 20, 21};
  auto bytes = packet(event, sizeof event);
  std::string_view rest = bytes;
  auto read = take_connector_event(rest);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, ConnectorEvent::Kind::fork);
  EXPECT_EQ(read->processor, 3U);
  EXPECT_EQ(read->sequence, 9U);
  EXPECT_EQ(read->moment, 77U);
  EXPECT_EQ(read->parent_pid, 11);
  EXPECT_EQ(read->tid, 20);
  EXPECT_EQ(read->pid, 21);
  EXPECT_TRUE(rest.empty());

  // Without the parent, as before Linux 4.18.
  event.what = proc_event::PROC_EVENT_EXIT;
  event.event_data.exit = {20, 21, 0x8B, SIGCHLD, 1, 1};
  bytes = packet(event, offsetof(proc_event, event_data) + 16);
  rest = bytes;
  read = take_connector_event(rest);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, ConnectorEvent::Kind::exit);
  EXPECT_EQ(read->exit_code, 0x8BU);

  event.what = proc_event::PROC_EVENT_GID;
  event.event_data.id = {20, 21, {5}, {6}};
  bytes = packet(event, sizeof event);
  rest = bytes;
  read = take_connector_event(rest);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, ConnectorEvent::Kind::gid);
  EXPECT_EQ(read->id, 5U);
  EXPECT_EQ(read->effective_id, 6U);
}

TEST(ConnectorEvents, WhatIsNoneOrCutOffIsLeftOut) {
  proc_event event{};
  event.what = proc_event::PROC_EVENT_EXEC;
  const auto whole = packet(event, sizeof event);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string_view rest(whole.data(), size);
    EXPECT_FALSE(take_connector_event(rest));
  }
  const auto other = packet(event, sizeof event, CN_IDX_DRBD);
  std::string_view rest = other;
  EXPECT_FALSE(take_connector_event(rest));
  const auto small = packet(event, offsetof(proc_event, event_data) + 4);
  rest = small;
  EXPECT_FALSE(take_connector_event(rest));
}

// This kernel's own.
class Connector : public testing::Test, public EventSink {
 protected:
  struct Exec {
    std::string path, cwd, cmdline;
    std::vector<std::string> arguments, environment;
    std::optional<std::uint32_t> uid;
  };

  void take(AnyEvent any) override {
    if (auto** process = std::get_if<ProcessEvent*>(&any)) {
      const ProcessEvent& event = **process;
      if (!event.syscall.starts_with("exec")) return;
      Exec exec{std::string(event.actor.path), std::string(event.cwd), {}, {}, {}, event.actor.ids.uid};
      for (const auto one : event.arguments) exec.arguments.emplace_back(one);
      for (const auto one : event.environment) exec.environment.emplace_back(one);
      execs[event.actor.process.pid].push_back(exec);
    } else if (auto** exit = std::get_if<ExitEvent*>(&any)) {
      exits[(*exit)->actor.process.pid].push_back(**exit);
    } else if (auto** change = std::get_if<PrivilegeEvent*>(&any)) {
      changes[(*change)->actor.process.pid].emplace_back((*change)->kind, (*change)->actor.ids);
    }
  }
  void forked(const ProcessKey& parent, const ProcessKey& child) override { forks[child.pid].push_back(parent.pid); }
  void exited(const ProcessKey&) override {}

  void open() {
    Demand demand;
    demand.kinds = source.offers();
    demand.environment = {"OSPREY_TEST"};
    const auto opened = source.open(demand);
    ASSERT_TRUE(opened) << opened.error().text();
  }
  // Until it is so, or for a minute: whatever else happens on the machine wakes it as well.
  bool wait(const std::function<bool()>& done) {
    for (const auto until = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < until;) {
      while (source.next(*this, 1000).value_or(false)) continue;
      if (done()) return true;
      pollfd one{.fd = source.descriptor(), .events = POLLIN, .revents = 0};
      ::poll(&one, 1, 10);
    }
    return false;
  }
  static pid_t start(const std::function<void()>& run) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      run();
      ::_exit(127);
    }
    return pid;
  }

  ConnectorSource source{Root::host()};
  std::map<std::int64_t, std::vector<std::int64_t>> forks;
  std::map<std::int64_t, std::vector<Exec>> execs;
  std::map<std::int64_t, std::vector<ExitEvent>> exits;
  std::map<std::int64_t, std::vector<std::pair<std::string, Credentials>>> changes;
};

// EVT-11.
TEST_F(Connector, EveryProcessThatIsStartedAndEndedIsSeen) {
  open();
  std::set<pid_t> pids;
  for (int i = 0; i < 500; ++i) {
    const pid_t pid = start([] { ::_exit(0); });
    pids.insert(pid);
    ::waitpid(pid, nullptr, 0);
  }
  const auto all = [&](const auto& seen) {
    for (const auto pid : pids)
      if (!seen.contains(pid)) return false;
    return true;
  };
  EXPECT_TRUE(wait([&] { return all(forks) && all(exits); })) << forks.size() << " " << exits.size();
  for (const auto pid : pids) EXPECT_EQ(forks[pid].back(), ::getpid());
  const auto counts = source.counts();
  EXPECT_EQ(counts.dropped.at(0).count, 0U);
  EXPECT_EQ(*counts.seen, counts.kept + *counts.filtered);
}

TEST_F(Connector, WhatRunsIsReadAtOnce) {
  open();
  int gate[2];
  ASSERT_EQ(::pipe(gate), 0);
  const pid_t pid = start([&] {
    ::dup2(gate[0], 0);
    ::close(gate[1]);
    ::close(2);
    const char* environment[] = {"OTHER=1", "OSPREY_TEST=a b", nullptr};
    const char* arguments[] = {"cat", "-", "", "a b", nullptr};
    if (::chdir("/proc") == 0 && ::setgid(54321) == 0 && ::setuid(54321) == 0)
      ::execve("/bin/cat", const_cast<char**>(arguments), const_cast<char**>(environment));
  });
  ASSERT_TRUE(wait([&] { return execs.contains(pid); }));
  ::close(gate[1]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ASSERT_TRUE(wait([&] { return exits.contains(pid); }));
  ::close(gate[0]);
  const auto& exec = execs[pid].at(0);
  EXPECT_TRUE(exec.path.ends_with("/cat")) << exec.path;
  EXPECT_EQ(exec.cwd, "/proc");
  EXPECT_EQ(exec.arguments, (std::vector<std::string>{"cat", "-", "", "a b"}));
  EXPECT_EQ(exec.environment, std::vector<std::string>{"OSPREY_TEST=a b"});
  EXPECT_EQ(exec.uid, 54321U);
  ASSERT_EQ(changes[pid].size(), 2U);
  EXPECT_EQ(changes[pid][0].first, "setgid");
  EXPECT_EQ(changes[pid][0].second.gid, 54321U);
  EXPECT_EQ(changes[pid][1].first, "setuid");
  EXPECT_EQ(changes[pid][1].second.euid, 54321U);
  EXPECT_EQ(exits[pid].at(0).exit_code, WEXITSTATUS(status));
}

TEST_F(Connector, EndsAreToldOncePerProcessWhateverItsThreadsDo) {
  open();
  const pid_t killed = start([] { ::pause(); });
  ::kill(killed, SIGKILL);
  ::waitpid(killed, nullptr, 0);
  // Its first thread ends long before its last.
  const pid_t threads = start([] {
    std::thread([] {
      ::usleep(100'000);
      ::_exit(3);
    }).detach();
    ::syscall(SYS_exit, 0);
  });
  ::waitpid(threads, nullptr, 0);
  // A thread runs another program.
  const pid_t runs = start([] {
    std::thread([] {
      const char* arguments[] = {"sh", "-c", "sleep 0.1; exit 5", nullptr};
      ::execv("/bin/sh", const_cast<char**>(arguments));
    }).join();
  });
  ::waitpid(runs, nullptr, 0);
  ASSERT_TRUE(wait([&] { return exits.contains(killed) && exits.contains(threads) && exits.contains(runs); }));
  EXPECT_EQ(exits[killed].size(), 1U);
  EXPECT_EQ(exits[killed][0].signal, SIGKILL);
  EXPECT_EQ(exits[killed][0].exit_code, 128 + SIGKILL);
  EXPECT_EQ(exits[threads].size(), 1U);
  EXPECT_EQ(exits[runs].size(), 1U);
  EXPECT_EQ(exits[runs][0].exit_code, 5);
}

// EVT-27, EVT-36: with the tree, the way up is known also when all on it are gone.
class ConnectorWithTree : public Connector {
 protected:
  void take(AnyEvent any) override {
    enricher.complete(any);
    if (const auto told = enricher.container_event(any))
      lives.push_back({std::string(told->action), std::string(told->container_id), std::string(told->name),
                       std::string(told->image), std::string(told->engine), told->exit_code.value_or(-1),
                       std::string(told->actor.cmdline)});
    if (auto** process = std::get_if<ProcessEvent*>(&any))
      above[(*process)->actor.process.pid] = (*process)->actor.ancestors;
    Connector::take(any);
  }
  void forked(const ProcessKey& parent, const ProcessKey& child) override {
    enricher.forked(parent, child);
    Connector::forked(parent, child);
  }

  ProcessTree tree;
  Enricher enricher{Root::host(), tree, {}};
  struct Life {
    std::string action, container, name, image, engine;
    std::int64_t exit_code;
    std::string cmdline;
  };
  std::map<std::int64_t, std::vector<std::int64_t>> above;
  std::vector<Life> lives;
};

TEST_F(ConnectorWithTree, TheDeadAreAncestorsToo) {
  open();
  ASSERT_TRUE(enricher.seed());
  int line[2];
  ASSERT_EQ(::pipe(line), 0);
  // Child, grandchild and great-grandchild; the first two are gone when the third runs its program.
  const pid_t child = start([&] {
    if (::fork() != 0) ::_exit(0);
    if (const pid_t last = ::fork(); last != 0) {
      const pid_t pids[] = {::getpid(), last};
      ::_exit(::write(line[1], pids, sizeof pids) == sizeof pids ? 0 : 1);
    }
    ::usleep(50'000);
    ::execl("/bin/true", "true", nullptr);
  });
  ::waitpid(child, nullptr, 0);
  pid_t pids[2];
  ASSERT_EQ(::read(line[0], pids, sizeof pids), static_cast<ssize_t>(sizeof pids));
  ::close(line[0]);
  ::close(line[1]);
  ASSERT_TRUE(wait([&] { return exits.contains(pids[1]); }));
  ASSERT_GE(above[pids[1]].size(), 4U);
  EXPECT_EQ(above[pids[1]][0], pids[0]);
  EXPECT_EQ(above[pids[1]][1], child);
  EXPECT_EQ(above[pids[1]][2], ::getpid());
  EXPECT_EQ(above[pids[1]].back(), 1);
  EXPECT_GT(exits[pids[1]].at(0).lifetime, 40'000'000U);
  EXPECT_LT(exits[pids[1]].at(0).lifetime, 5'000'000'000U);
  const auto lineage = tree.lineage({pids[1], 0});
  ASSERT_GE(lineage.size(), 4U);
  EXPECT_TRUE(lineage[1].exited && lineage[1].reparented);
}

// EVT-35, CTR-13: a container of podman's, with an image made here.
class ConnectorWithPodman : public ConnectorWithTree {
 protected:
  static constexpr const char* kName = "osprey-connector-test";

  void SetUp() override {
    run("mkdir -p %s/root/bin && printf '#include <stdlib.h>\n#include <unistd.h>\n"
        "int main(int n, char** words) { sleep(n > 1 ? atoi(words[1]) : 0); return 3; }' > %s/nap.c && "
        "cc -static -o %s/root/bin/nap %s/nap.c && "
        "tar -C %s/root -c . | " +
        podman + " import -q - osprey-connector-test:1");
  }
  void TearDown() override {
    run(podman + " rm -f -t 0 osprey-connector-test; " + podman + " rmi -f osprey-connector-test:1; rm -r %s");
    if (!HasFailure()) ::unlink((folder + ".log").c_str());
  }
  int run(std::string command) {
    for (std::size_t at = 0; (at = command.find("%s")) != command.npos;) command.replace(at, 2, folder);
    return ::system(("{ " + command + "; } >> " + folder + ".log 2>&1").c_str());
  }
  std::vector<std::string> actions() const {
    std::vector<std::string> all;
    for (const auto& life : lives)
      if (life.name == kName) all.push_back(life.action);
    return all;
  }

  const std::string folder = "/tmp/osprey-connector-test-" + std::to_string(::getpid());
  const std::string podman =
      "podman --storage-driver vfs --root /var/lib/containers/storage --cgroup-manager cgroupfs --runtime runc "
      "--events-backend none";
};

TEST_F(ConnectorWithPodman, RealContainersStartAreEnteredAndEnd) {
  open();
  ASSERT_TRUE(enricher.seed());
  // What it looks at must not have ended by then, however late that is: it lives until it was told of.
  std::promise<void> was_told;
  std::thread acts([this, told = was_told.get_future()] {
    run(podman + " run -d --network none --ulimit nofile=1024:1024 --ulimit nproc=500:500 --name " + kName +
        " localhost/osprey-connector-test:1 /bin/nap 600");
    run(podman + " exec -d " + kName + " /bin/nap 700");
    told.wait();
    run(podman + " kill -s KILL " + kName);
  });
  EXPECT_TRUE(wait([&] { return actions().size() >= 2; }));
  was_told.set_value();
  EXPECT_TRUE(wait([&] { return actions().size() >= 3; }));
  acts.join();
  EXPECT_THAT(actions(), testing::ElementsAre("start", "exec", "die")) << "see " << folder << ".log";
  for (const auto& life : lives) {
    if (life.name != kName) continue;
    EXPECT_EQ(life.container.size(), 64U);
    EXPECT_EQ(life.cmdline, life.action == "exec" ? "/bin/nap 700" : "/bin/nap 600");
    EXPECT_EQ(life.image, "localhost/osprey-connector-test:1");
    EXPECT_EQ(life.engine, "podman");
    EXPECT_EQ(life.exit_code, life.action == "die" ? 128 + SIGKILL : -1);
  }
}

TEST_F(Connector, ItCanBeClosedAndOpenedAgain) {
  open();
  source.close();
  EXPECT_EQ(source.descriptor(), -1);
  open();
  const pid_t pid = start([] { ::_exit(4); });
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(wait([&] { return exits.contains(pid); }));
  EXPECT_EQ(exits[pid].at(0).exit_code, 4);
}

}  // namespace
}  // namespace osprey::events
