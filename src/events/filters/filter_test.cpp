#include "events/filters/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <functional>

namespace osprey::events {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Filter filter(std::string_view text) {
  auto parsed = parse_filter(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().text());
  return parsed ? *parsed : Filter{};
}

bool keeps(std::string_view rule, AnyEvent event) { return Filters({filter(rule)}).keeps(event); }

std::string refusal(std::string_view text) {
  const auto parsed = parse_filter(text);
  return parsed ? "" : parsed.error().message;
}

// A compiler that root's session 7 has started in a container.
ProcessEvent compiler() {
  ProcessEvent event;
  event.actor.process = {.pid = 1000, .start = 1};
  event.actor.parent = {.pid = 999, .start = 1};
  event.actor.ids = {.uid = 1,
                     .euid = 2,
                     .suid = 3,
                     .fsuid = 4,
                     .gid = 5,
                     .egid = 6,
                     .sgid = 7,
                     .fsgid = 8,
                     .login_uid = 1001,
                     .session = 17};
  event.actor.path = "/usr/bin/cc";
  event.actor.cgroup_path = "/system.slice/docker-0123456789abcdef.scope";
  event.actor.container_id = "0123456789abcdef";
  event.actor.container_name = "build";
  event.syscall = "execve";
  event.arch = "x86_64";
  event.filename = "/opt/cc";
  event.executable = {.mode = S_IFREG | 0755,
                      .uid = 30,
                      .gid = 31,
                      .size = 1,
                      .atime = 0,
                      .mtime = 0,
                      .ctime = 0,
                      .inode = 77,
                      .device = makedev(8, 1)};
  return event;
}

// EVT-29: a value that holds, and one that does not.
TEST(Filters, EachFieldThatAnEventHas) {
  const std::pair<std::string_view, std::string_view> fields[] = {
      {"auid=1001", "auid=1000"},
      {"loginuid=1001", "loginuid=5"},
      {"loginuid_set=1", "loginuid_set=0"},
      {"sessionid=17", "sessionid=1"},
      {"uid=1", "uid=2"},
      {"euid=2", "euid=1"},
      {"suid=3", "suid=4"},
      {"fsuid=4", "fsuid=3"},
      {"gid=5", "gid=6"},
      {"egid=6", "egid=5"},
      {"sgid=7", "sgid=8"},
      {"fsgid=8", "fsgid=7"},
      {"pid=1000", "pid=999"},
      {"ppid=999", "ppid=1"},
      {"exe=/usr/bin/cc", "exe=/usr/bin/ccc"},
      {"path=/opt/cc", "path=/opt/c"},
      {"path=/usr/bin/cc", "path=/usr/bin"},
      {"dir=/usr", "dir=/us"},
      {"dir=/usr/bin", "dir=/usr/bin/c"},
      {"perm=x", "perm=w"},
      {"perm=rx", "perm=rwa"},
      {"exit=0", "exit=-ENOENT"},
      {"success=1", "success=0"},
      {"arch=x86_64", "arch=i386"},
      {"devmajor=8", "devmajor=9"},
      {"devminor=1", "devminor=2"},
      {"inode=77", "inode=78"},
      {"obj_uid=30", "obj_uid=31"},
      {"obj_gid=31", "obj_gid=30"},
      {"filetype=file", "filetype=dir"},
      {"container=build", "container=built"},
      {"container=0123456789ab", "container=0123456789a"},
      {"container!=", "container="},
      {"cgroup=/system.slice", "cgroup=/system"},
  };
  for (const auto& [holds, fails] : fields) {
    auto event = compiler();
    EXPECT_FALSE(keeps("-a never,exit -F " + std::string(holds), &event)) << holds;
    EXPECT_TRUE(keeps("-a never,exit -F " + std::string(fails), &event)) << fails;
  }
}

// EVT-31
TEST(Filters, EachOperatorComparesNumbersWithoutSign) {
  auto event = compiler();  // auid 1001
  for (const auto* const holds : {"auid!=1000", "auid<1002", "auid>1000", "auid<=1001", "auid>=1001", "devminor&1",
                                  "devminor&=1", "devminor!=0", "uid<=1", "exe!=/bin/sh", "exit>=0", "success!=0"})
    EXPECT_FALSE(keeps("-a never,exit -F " + std::string(holds), &event)) << holds;
  for (const auto* const fails : {"auid!=1001", "auid<1001", "auid>1001", "auid<=1000", "auid>=1002", "devminor&2",
                                  "devminor&=3", "exe!=/usr/bin/cc", "exit<0", "success!=1", "dir!=/usr"})
    EXPECT_TRUE(keeps("-a never,exit -F " + std::string(fails), &event)) << fails;
  event.actor.ids.login_uid.reset();
  EXPECT_FALSE(keeps("-a never,exit -F auid=unset", &event));
  EXPECT_FALSE(keeps("-a never,exit -F auid>=1000", &event)) << "unset is 4294967295, as in the kernel";
  event.result = -2;
  EXPECT_FALSE(keeps("-a never,exit -F exit=-ENOENT -F success=0", &event));
  EXPECT_TRUE(keeps("-a never,exit -F exit<0", &event)) << "the kernel compares without sign";
}

// As the kernel, which knows no file that is not there.
TEST(Filters, AFailedExecIsAboutTheFileThatItFound) {
  auto event = compiler();
  event.result = -13;
  EXPECT_FALSE(keeps("-a never,exit -F path=/opt/cc", &event));
  EXPECT_TRUE(keeps("-a never,exit -F path=/usr/bin/cc", &event)) << "who asked";
  EXPECT_FALSE(keeps("-a never,exit -F exe=/usr/bin/cc", &event));
  event.executable = {};
  EXPECT_TRUE(keeps("-a never,exit -F dir=/opt", &event));
}

TEST(Filters, FieldsAreComparedWithEachOther) {
  auto event = compiler();
  EXPECT_FALSE(keeps("-a never,exit -C uid!=euid", &event));
  EXPECT_TRUE(keeps("-a never,exit -C uid=euid", &event));
  event.actor.ids.euid = 30;
  EXPECT_FALSE(keeps("-a never,exit -C euid=obj_uid", &event));
}

TEST(Filters, AllConditionsOfARuleHaveToHold) {
  auto event = compiler();
  EXPECT_FALSE(keeps("-a never,exit -S execve -F exe=/usr/bin/cc -F uid=1 -k label", &event));
  EXPECT_TRUE(keeps("-a never,exit -S execve -F exe=/usr/bin/cc -F uid=2", &event));
}

// What is not known matches neither = nor !=: nothing is dropped on a guess.
TEST(Filters, WhatIsNotKnownMatchesNothing) {
  ProcessEvent event;
  event.syscall = "execve";
  for (const auto* const asked : {"uid=0", "uid!=0", "auid=unset", "auid!=0", "exe=/a", "exe!=/a", "inode!=1", "pid!=1",
                                  "path!=/a", "container=x", "cgroup!=/a"})
    EXPECT_EQ(keeps("-a never,exit -F " + std::string(asked), &event), true) << asked;
  SocketEvent socket;
  EXPECT_TRUE(keeps("-a never,exit -F perm!=w", &socket));
}

// EVT-28: what only the kernel knows is left to it.
TEST(Filters, ArgumentsAndLabelsAreTheKernels) {
  auto event = compiler();
  for (const auto* const asked :
       {"a0=0", "a1=1", "a2&2", "a3=3", "pers=0", "subj_user=u", "subj_role=r", "subj_type=t", "subj_sen=s0",
        "subj_clr=s1", "obj_user=u", "obj_role=r", "obj_type=t", "obj_lev_low=s0", "obj_lev_high=s1"})
    EXPECT_TRUE(keeps("-a never,exit -F " + std::string(asked), &event)) << asked;
}

TEST(Filters, CallsAreThoseOfTheEventsArchitecture) {
  auto event = compiler();
  EXPECT_FALSE(keeps("-a never,exit -S execve", &event));
  EXPECT_TRUE(keeps("-a never,exit -S execveat,connect", &event));
#if defined(__x86_64__)
  EXPECT_FALSE(keeps("-a never,exit -F arch=b64 -S execve", &event));
  EXPECT_TRUE(keeps("-a never,exit -F arch=b32 -S execve", &event));
  event.arch = "i386";
  EXPECT_TRUE(keeps("-a never,exit -S execve", &event)) << "59 is another call there";
  EXPECT_FALSE(keeps("-a never,exit -F arch=b32 -S execve", &event));
#endif
}

TEST(Filters, OtherKindsByTheirCallsAndFiles) {
  SocketEvent socket;
  socket.syscall = "connect";
  socket.family = 2;
  EXPECT_FALSE(keeps("-a never,exit -S connect -F saddr_fam=2", &socket));
  EXPECT_TRUE(keeps("-a never,exit -S connect -F saddr_fam=10", &socket));
  NamespaceEvent mount{.kind = "umount", .target_path = "/mnt/a"};
  EXPECT_FALSE(keeps("-a never,exit -S umount2 -F dir=/mnt", &mount));
  PtraceEvent trace{.method = "ptrace"};
  EXPECT_FALSE(keeps("-a never,exit -S ptrace", &trace));
  BpfLoadEvent load;
  EXPECT_FALSE(keeps("-a never,exit -S bpf", &load));
  FileEvent file;
  file.path = "/var/log/x";
  EXPECT_FALSE(keeps("-a never,exit -F dir=/var/log -F perm=w", &file));
  EXPECT_TRUE(keeps("-a never,exit -F dir=/var/log -F perm=r", &file));
  file.action = FileAction::gap;
  EXPECT_TRUE(keeps("-a never,exit -F dir=/var/log", &file)) << "that something is missing is always told";
  DnsEvent dns;
  dns.actor.ids.uid = 7;
  EXPECT_FALSE(keeps("-a never,exit -F uid=7", &dns));
  EXPECT_TRUE(keeps("-a never,exit -S sendto -F uid=7", &dns));
  AuthenticationEvent login;
  login.actor.ids.uid = 7;
  EXPECT_TRUE(keeps("-a never,exit -F uid=7", &login));
}

TEST(Filters, RecordsByTheListsUserAndExclude) {
  UserEvent login;
  login.type = 1112;
  EXPECT_FALSE(keeps("-a never,user -F msgtype=USER_LOGIN", &login));
  EXPECT_TRUE(keeps("-a never,user -F msgtype=USER_AUTH", &login));
  EXPECT_FALSE(keeps("-a always,exclude -F msgtype=USER_LOGIN", &login)) << "what is excluded is gone by any action";
  MacEvent denied{.header = {}, .type = "AVC", .message = {}};
  EXPECT_FALSE(keeps("-a never,exclude -F msgtype=AVC", &denied));
  auto event = compiler();
  EXPECT_TRUE(keeps("-a never,user -F uid=1", &event));
}

// EVT-33
TEST(Filters, TheFirstThatMatchesDecidesNeverBeforeAlwaysAndThoseOfCapitalABeforeAll) {
  const auto named = [](std::string id, std::string_view text) {
    auto made = filter(text);
    made.id = std::move(id);
    return made;
  };
  const Filters filters({named("1", "-a always,exit -F uid=1"), named("2", "-a never,exit -F uid=1"),
                         named("3", "-a never,exit -F gid=5"), named("4", "-A always,exit -F pid=1000"),
                         named("5", "-A never,exit -F pid=7")});
  std::vector<std::string> order;
  for (const auto& rule : filters.rules()) order.push_back(rule.id);
  EXPECT_THAT(order, ElementsAre("5", "4", "2", "3", "1"));
  auto event = compiler();
  EXPECT_TRUE(filters.keeps(&event)) << "by 4";
  event.actor.process.pid = 8;
  EXPECT_FALSE(filters.keeps(&event)) << "by 2, though 1 was written first";
  EXPECT_FALSE(filters.keeps(&event));
  event.actor.ids.uid = 2;
  event.actor.ids.gid = 2;
  EXPECT_TRUE(filters.keeps(&event)) << "by none";
  EXPECT_THAT((std::vector{filters.hits(0), filters.hits(1), filters.hits(2), filters.hits(3), filters.hits(4)}),
              ElementsAre(0, 1, 2, 0, 0));
}

// EVT-29, EVT-30
TEST(Filters, WrongRulesAreRefusedByName) {
  EXPECT_THAT(refusal("-a never,exit -F uiid=0"), HasSubstr("'uiid' is no field of a rule"));
  EXPECT_THAT(refusal("-a never,exit -S execv"), AllOf(HasSubstr("execv"), HasSubstr("'execve'")));
  EXPECT_THAT(refusal("-a never,task -F uid=0"), HasSubstr("'task'"));
  EXPECT_THAT(refusal("-a never,exit -F uid~0"), HasSubstr("operator"));
  EXPECT_THAT(refusal("-a never,exit -F container>5"), HasSubstr("container can be asked with = and != only"));
  EXPECT_THAT(refusal("-a never,exit -F cgroup=a"), HasSubstr("begins with /"));
  EXPECT_THAT(refusal("-a never,exit -F"), HasSubstr("'-F' needs a value"));
  std::string most = "-a never,exit -F container=a";
  for (int i = 0; i < 63; ++i) most += " -F uid=" + std::to_string(i);
  EXPECT_EQ(refusal(most), "");
  EXPECT_THAT(refusal(most + " -F pid=1"), HasSubstr("65th field"));
  EXPECT_THAT(refusal(most.substr(0, 14) + most.substr(28) + " -F uid=64 -F pid=1"), HasSubstr("65th field"));
}

}  // namespace
}  // namespace osprey::events
