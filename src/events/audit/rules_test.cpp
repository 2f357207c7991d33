#include "events/audit/rules.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <algorithm>

#include "events/kinds/kinds.h"

namespace osprey::events::audit {
namespace {

std::vector<std::string> texts_of(const AuditOptions& options, const Demand& demand, const std::string& own = "") {
  std::vector<std::string> texts;
  const auto rules = wanted_rules(options, demand, own);
  EXPECT_TRUE(rules) << rules.error().text();
  if (rules)
    for (const auto& rule : *rules) texts.push_back(linux::text_of(rule));
  return texts;
}

AuditOptions allowed() {
  AuditOptions options;
  options.allow_config = true;
  return options;
}

Demand execs() {
  Demand demand;
  demand.kinds.set(kKind<ProcessEvent>);
  demand.execs = true;
  return demand;
}

#if defined(__x86_64__)
// EVT-04, EVT-05
TEST(AuditRules, OneForEachArchitectureInOurKey) {
  EXPECT_EQ(texts_of(allowed(), execs()),
            (std::vector<std::string>{
                "-a always,exit -F arch=b64 -S execve,execveat -F success=1 -F key=osprey",
                "-a always,exit -F arch=b32 -S execve,execveat -F success=1 -F key=osprey",
            }));
}

// EVT-33
TEST(AuditRules, NeverComesBeforeAlways) {
  auto options = allowed();
  options.exclude_exe = {"/usr/bin/noisy"};
  options.rules = {"-a always,exit -S ptrace -k mine", "-a never,exit -S execve -F auid=4294967295 -F uid>=1000"};
  EXPECT_EQ(texts_of(options, execs(), "/usr/bin/ospreyd"),
            (std::vector<std::string>{
                "-a never,exit -F arch=b64 -S execve,execveat -F exe=/usr/bin/ospreyd -F key=osprey",
                "-a never,exit -F arch=b64 -S execve,execveat -F exe=/usr/bin/noisy -F key=osprey",
                "-a never,exit -F arch=b32 -S execve,execveat -F exe=/usr/bin/noisy -F key=osprey",
                "-a never,exit -S execve -F auid=-1 -F uid>=1000 -F key=osprey",
                "-a always,exit -S ptrace -F key=osprey -F key=mine",
                "-a always,exit -F arch=b64 -S execve,execveat -F success=1 -F key=osprey",
                "-a always,exit -F arch=b32 -S execve,execveat -F success=1 -F key=osprey",
            }));
}

TEST(AuditRules, FailuresAreAskedForWhereTheyAreTold) {
  Demand demand;
  demand.kinds.set(kKind<SocketEvent>);
  auto options = allowed();
  options.sockets = true;
  auto rules = texts_of(options, demand);
  EXPECT_EQ(rules.at(0), "-a always,exit -F arch=b64 -S connect -F key=osprey");
  EXPECT_EQ(rules.at(1), "-a always,exit -F arch=b64 -S accept,bind,accept4 -F success=1 -F key=osprey");
  // 32-bit x86 programs of old make one call of all of them.
  EXPECT_NE(std::ranges::find(rules, "-a always,exit -F arch=b32 -S socketcall -F a0>=0x2 -F a0<=0x3 -F key=osprey"),
            rules.end());
  options.failed_socket_events = true;
  rules = texts_of(options, demand);
  EXPECT_EQ(rules.at(0), "-a always,exit -F arch=b64 -S connect,accept,bind,accept4 -F key=osprey");
  options.accept_socket_events = false;
  EXPECT_EQ(texts_of(options, demand).at(0), "-a always,exit -F arch=b64 -S connect,bind -F key=osprey");
}
#endif

TEST(AuditRules, NothingIsAskedOfTheKernelThatNobodyWants) {
  EXPECT_TRUE(texts_of(allowed(), Demand()).empty());
  EXPECT_TRUE(texts_of(AuditOptions(), execs()).empty());
  auto options = allowed();
  options.process_events = false;
  EXPECT_TRUE(texts_of(options, execs()).empty());
  Demand users;
  users.kinds.set(kKind<UserEvent>);
  EXPECT_TRUE(texts_of(allowed(), users, "/usr/bin/ospreyd").empty());
  auto forks = execs();
  forks.execs = false;
  forks.forks = forks.kills = true;
  EXPECT_TRUE(texts_of(allowed(), forks).empty());
}

TEST(AuditRules, AWrongOneOfTheConfigurationIsNamed) {
  auto options = allowed();
  options.rules = {"-a always,exit -F uuid=3"};
  const auto rules = wanted_rules(options, execs(), "");
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().text(), "audit rule: 'uuid' is no field of a rule: 'auid' is");
}

}  // namespace
}  // namespace osprey::events::audit
