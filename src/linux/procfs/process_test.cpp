#include "linux/procfs/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "linux/procfs/read_ahead.h"

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;

// A tree with a /proc of plain files.
class ProcTree : public testing::Test {
 protected:
  ProcTree() : path_(fs::temp_directory_path() / ("proc_tree_" + std::to_string(::getpid()))) {
    fs::create_directories(path_ / "proc");
  }
  ~ProcTree() override { fs::remove_all(path_); }

  void put(const std::string& name, std::string_view text) {
    fs::create_directories((path_ / "proc" / name).parent_path());
    std::ofstream(path_ / "proc" / name, std::ios::binary) << text;
  }
  void link(const std::string& name, const std::string& target) {
    fs::create_directories((path_ / "proc" / name).parent_path());
    fs::create_symlink(target, path_ / "proc" / name);
  }
  Proc proc() const { return std::move(*Proc::open(*Root::at(path_))); }

  fs::path path_;
};

TEST_F(ProcTree, ProcessesInAscendingOrder) {
  for (const auto* name : {"10/x", "9/x", "1000000/x", "self/x", "99999999999999999999/x", "1a/x", "uptime"})
    put(name, "");
  EXPECT_EQ(proc().pids().value(), (std::vector<pid_t>{9, 10, 1000000}));
}

TEST_F(ProcTree, BootTime) {
  put("stat", "cpu  1 2 3\nbtime 1700000000\nprocesses 5\n");
  EXPECT_EQ(proc().boot_time().value(), 1700000000);
}

TEST_F(ProcTree, BootTimeIsNotReadFromAFifo) {
  ASSERT_EQ(::mkfifo((path_ / "proc/stat").c_str(), 0600), 0);
  EXPECT_FALSE(proc().boot_time());
}

TEST_F(ProcTree, BootTimeThatIsMissing) {
  EXPECT_TRUE(proc().boot_time().error().absent());
  put("stat", "cpu  1 2 3\nbtime x\n");
  EXPECT_FALSE(proc().boot_time().error().absent());
}

TEST_F(ProcTree, WhatIsNotThereIsAbsent) {
  put("5/cmdline", "a");
  const auto tree = proc();
  EXPECT_TRUE(Process(tree, 6).open().error().absent());
  EXPECT_TRUE(Process(tree, 6).stat().error().absent());
  EXPECT_TRUE(Process(tree, 5).stat().error().absent());
  EXPECT_TRUE(Process(tree, 5).link("exe").error().absent());
  EXPECT_TRUE(Descriptors::open(Process(tree, 5)).error().absent());
}

TEST_F(ProcTree, OnlyRegularFilesOfTheTreeAreRead) {
  put("secret", "x");
  fs::create_directories(path_ / "proc/5");
  ASSERT_EQ(::mkfifo((path_ / "proc/5/cmdline").c_str(), 0600), 0);
  fs::create_directory(path_ / "proc/5/environ");
  link("5/cgroup", "../secret");
  link("5/net", "/proc/net");
  const auto tree = proc();
  const Process process(tree, 5);
  EXPECT_THAT(process.command_line().error().text(), testing::HasSubstr("Invalid argument"));
  EXPECT_FALSE(process.environment());
  EXPECT_FALSE(process.cgroups());
  EXPECT_FALSE(process.read("net/tcp", 100));
  link("6", "5");
  EXPECT_FALSE(Process(tree, 6).open());
  link("5/exe", "/bin/sh");
  EXPECT_EQ(process.link("exe").value(), "/bin/sh");
  EXPECT_FALSE(process.stat_target("exe"));  // not this host's
}

TEST_F(ProcTree, LongAndOddFiles) {
  std::string groups = "Groups:\t";
  for (int i = 0; i < 65536; ++i) groups += std::to_string(1000000 + i) + ' ';
  put("5/status", "Uid:\t1\t2\t3\t4\n" + groups + "\nVmRSS:\t4 kB\nThreads:\t1\n");
  put("5/environ", std::string("A=1\0B=\xff\n\0", 9));
  put("5/stat", std::string(100000, 'x'));
  put("5/loginuid", "4294967295");
  put("5/sessionid", "7");
  const auto tree = proc();
  const Process process(tree, 5);
  EXPECT_EQ(process.status()->resident_size, 4096u);
  EXPECT_EQ(process.environment().value(), std::string("A=1\0B=\xff\n\0", 9));
  EXPECT_FALSE(process.stat());
  EXPECT_EQ(process.login_uid().value(), std::nullopt);
  EXPECT_EQ(process.audit_session().value(), 7u);
}

TEST_F(ProcTree, Descriptors) {
  for (const auto& [number, target] : std::map<int, std::string>{{10, "/a b"}, {2, "pipe:[7]"}, {3, "socket:[8]"}})
    link("5/fd/" + std::to_string(number), target);
  put("5/fdinfo/2", "pos:\t0\nflags:\t0100001\nmnt_id:\t14\n");
  put("5/fdinfo/3", "pos:\t0\nflags:\t02\n");
  put("5/fdinfo/10", "pos:\t0\n");
  const auto tree = proc();
  const Process process(tree, 5);
  auto descriptors = Descriptors::open(process);
  ASSERT_TRUE(descriptors);
  EXPECT_EQ(descriptors->numbers(), (std::vector<int>{2, 3, 10}));
  EXPECT_EQ(descriptors->target(10), "/a b");
  EXPECT_EQ(descriptors->target(4), "");
  EXPECT_FALSE(descriptors->access(2)->readable);
  EXPECT_TRUE(descriptors->access(2)->writable);
  EXPECT_TRUE(descriptors->access(3)->readable && descriptors->access(3)->writable);
  EXPECT_FALSE(descriptors->access(10));
  EXPECT_FALSE(descriptors->stat_target(10));
}

TEST_F(ProcTree, Namespaces) {
  link("5/ns/net", "net:[4026531840]");
  link("5/ns/mnt", "elsewhere");
  const auto tree = proc();
  EXPECT_EQ(Process(tree, 5).namespace_inode("ns/net").value(), 4026531840u);
  EXPECT_FALSE(Process(tree, 5).namespace_inode("ns/mnt"));
}

TEST(BracketedInode, Kinds) {
  EXPECT_EQ(bracketed_inode("socket:[123]", "socket"), 123u);
  for (const auto* text :
       {"socket:[]", "socket:[12", "socket:12]", "socket:[x]", "pipe:[1]", "socket", "", "/socket:[1]"})
    EXPECT_EQ(bracketed_inode(text, "socket"), std::nullopt) << text;
}

TEST(HostProcess, Itself) {
  ::prctl(PR_SET_NAME, ") odd (name", 0, 0, 0);
  auto proc = Proc::open(Root::host());
  ASSERT_TRUE(proc);
  EXPECT_TRUE(proc->is_kernels());
  const Process self(*proc, ::getpid());
  ASSERT_TRUE(self.stat() && self.status());
  EXPECT_EQ(self.stat()->name, ") odd (name");
  EXPECT_EQ(self.stat()->parent, ::getppid());
  EXPECT_EQ(self.status()->users->real, ::getuid());
  EXPECT_EQ(self.link("exe").value(), fs::read_symlink("/proc/self/exe"));
  EXPECT_THAT(self.memory_maps().value(), testing::HasSubstr("[stack]"));
  const auto executable = self.stat_target("exe");
  struct stat known;
  ASSERT_EQ(::stat("/proc/self/exe", &known), 0);
  EXPECT_EQ(executable->stx_ino, known.st_ino);
  const auto pids = proc->pids();
  EXPECT_TRUE(std::ranges::binary_search(*pids, ::getpid()));
  EXPECT_TRUE(std::ranges::binary_search(*proc->pids(), ::getpid()));  // can be listed again
}

TEST(HostProcess, PipeEndsAndFiles) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto proc = Proc::open(Root::host());
  const Process self(*proc, ::getpid());
  auto descriptors = Descriptors::open(self);
  ASSERT_TRUE(descriptors);
  EXPECT_TRUE(descriptors->access(ends[0])->readable);
  EXPECT_FALSE(descriptors->access(ends[0])->writable);
  EXPECT_FALSE(descriptors->access(ends[1])->readable);
  struct stat known;
  ASSERT_EQ(::fstat(ends[0], &known), 0);
  EXPECT_EQ(bracketed_inode(descriptors->target(ends[1]), "pipe"), known.st_ino);
  ::close(ends[0]);
  EXPECT_EQ(descriptors->target(ends[0]), "");
  ::close(ends[1]);
}

TEST(HostProcess, EndsWhileItIsHeld) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto proc = Proc::open(Root::host());
  const Process process(*proc, child);
  ASSERT_TRUE(process.open());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(process.stat().error().absent());
  EXPECT_TRUE(process.command_line().error().absent());
  EXPECT_TRUE(process.link("cwd").error().absent());
  EXPECT_TRUE(Descriptors::open(process).error().absent());
}

TEST(HostProcess, InUninterruptibleSleepIsReadByAHelper) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Until its own child ends, whoever calls vfork(2) sleeps uninterruptibly.
    if (::vfork() == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::alarm(20);
      if (::write(ready[1], "x", 1) == 1) ::pause();
      ::_exit(0);
    }
    ::_exit(0);
  }
  char byte;
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  const auto proc = Proc::open(Root::host());
  std::optional<Process> process;
  bool asleep = false;
  for (int attempt = 0; attempt < 100 && !asleep; ++attempt) {
    ::usleep(10000);
    process.emplace(*proc, child);
    asleep = process->stat() && process->stat()->state == 'D';
  }
  if (asleep) {
    EXPECT_EQ(process->command_line().value(), Process(*proc, ::getpid()).command_line().value());
    EXPECT_FALSE(process->memory_maps()->empty());
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  if (!asleep) GTEST_SKIP() << "vfork is fork here, as under the thread sanitizer";
}

TEST_F(ProcTree, ReadAheadKeepsTheOrderAndReadsWhatItShould) {
  std::vector<pid_t> pids;
  for (int pid = 1; pid <= 1000; ++pid) {
    pids.push_back(pid);
    if (pid % 10 == 0) continue;  // ended meanwhile
    put(std::to_string(pid) + "/stat",
        std::to_string(pid) + " (p) S " + std::to_string(pid) + " 2 3 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 5 6 7");
  }
  const auto tree = proc();
  ReadAhead ahead(tree, pids, {.stat = true, .status = true});
  for (const auto pid : pids) {
    auto process = ahead.next();
    ASSERT_TRUE(process);
    EXPECT_EQ(process->pid(), pid);
    if (pid % 10 == 0)
      EXPECT_TRUE(process->stat().error().absent());
    else
      EXPECT_EQ(process->stat()->parent, pid);
  }
  EXPECT_FALSE(ahead.next());
}

TEST_F(ProcTree, ReadAheadMayBeGivenUp) {
  std::vector<pid_t> pids;
  for (int pid = 1; pid <= 1000; ++pid) pids.push_back(pid);
  const auto tree = proc();
  for (int taken = 0; taken < 200; taken += 7) {
    ReadAhead ahead(tree, pids, {.stat = true});
    for (int i = 0; i < taken; ++i) EXPECT_TRUE(ahead.next());
  }
}

}  // namespace
}  // namespace osprey::linux
