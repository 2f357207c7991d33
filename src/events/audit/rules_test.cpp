#include "events/audit/rules.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <algorithm>
#include <memory>

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

TEST(AuditRules, TitlesAreReadForAllButExecs) {
  EXPECT_FALSE(reads_titles(allowed(), execs()));
  auto demand = execs();
  demand.kinds.set(kKind<UserEvent>).set(kKind<SocketEvent>);
  EXPECT_FALSE(reads_titles(allowed(), demand)) << "its flag is off";
  auto options = allowed();
  options.sockets = true;
  EXPECT_TRUE(reads_titles(options, demand));
  demand = execs();
  demand.kills = true;
  EXPECT_FALSE(reads_titles(allowed(), demand)) << "likewise";
  options = allowed();
  options.kill_process_events = true;
  EXPECT_TRUE(reads_titles(options, demand));
  options = allowed();
  options.failed_calls = true;
  EXPECT_TRUE(reads_titles(options, execs())) << "the arguments are those of what was not run";
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

Demand filtered(std::initializer_list<std::string_view> rules) {
  auto demand = execs();
  std::vector<Filter> filters;
  for (const auto rule : rules) {
    auto filter = parse_filter(rule);
    EXPECT_TRUE(filter) << filter.error().text();
    filter->id = rule;
    filters.push_back(std::move(*filter));
  }
  demand.filters = std::make_shared<const Filters>(std::move(filters));
  return demand;
}

// EVT-28, EVT-32: of the calls that are asked for, in each architecture, before what asks for them.
TEST(AuditRules, FiltersAreGivenToTheKernel) {
  EXPECT_EQ(
      texts_of(allowed(), filtered({"-a never,exit -F a0=3 -F exe=/usr/bin/make -k builds",
                                    "-A always,exit -F arch=b64 -S execve,connect -F auid=1000"})),
      (std::vector<std::string>{
          "-a always,exit -F arch=b64 -S execve -F auid=1000 -F key=osprey",
          "-a never,exit -F arch=b64 -S execve,execveat -F a0=0x3 -F exe=/usr/bin/make -F key=osprey -F key=builds",
          "-a never,exit -F arch=b32 -S execve,execveat -F a0=0x3 -F exe=/usr/bin/make -F key=osprey -F key=builds",
          "-a always,exit -F arch=b64 -S execve,execveat -F success=1 -F key=osprey",
          "-a always,exit -F arch=b32 -S execve,execveat -F success=1 -F key=osprey",
      }));
}

// EVT-32: the agent does what the kernel cannot, and the reason is told.
TEST(AuditRules, WhatTheKernelCannotDecideStaysWithTheAgent) {
  const auto reasons = [](const Demand& demand, const AuditOptions& options = allowed()) {
    std::vector<std::string> found;
    for (const auto& one : filter_rules(options, demand)) {
      EXPECT_EQ(one.rules.empty(), !one.reason.empty());
      found.push_back(one.reason);
    }
    return found;
  };
  EXPECT_EQ(reasons(filtered({"-a never,exit -F container=x", "-a never,user -F uid=0", "-a never,exit -S connect",
                              "-a never,exit -S execve", "-a always,exit -F uid=0"})),
            (std::vector<std::string>{"audit knows no container", "in the kernel it would hold for everybody's records",
                                      "no call that it is about is asked for", "", "it takes nothing away"}));
  EXPECT_EQ(reasons(filtered({"-A always,exit -F cgroup=/a", "-a never,exit -S execve"})),
            (std::vector<std::string>{"audit knows no cgroup",
                                      "it stands behind -A always,exit -F cgroup=/a, which the agent decides"}));
  EXPECT_EQ(reasons(filtered({"-a never,exit"}), {}),
            (std::vector<std::string>{"rules may not be set (audit_allow_config)"}));
  std::string most = "-a never,exit";
  for (int i = 0; i < 63; ++i) most += " -F uid!=" + std::to_string(i);
  EXPECT_EQ(reasons(filtered({most})), (std::vector<std::string>{"with our key it has more than 64 fields"}));
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
