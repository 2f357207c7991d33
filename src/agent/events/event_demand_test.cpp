#include "agent/events/event_demand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "events/tables/tables.h"
#include "tables/tables.h"

namespace osprey::agent {
namespace {

using namespace events;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Configuration scheduled(const std::vector<std::string>& queries, std::uint64_t interval = 60) {
  Configuration configuration;
  protocol::Pack pack{.name = "main"};
  for (const auto& sql : queries) pack.queries.push_back({.name = sql, .sql = sql, .interval = interval});
  configuration.packs.push_back(pack);
  return configuration;
}

TEST(EventDemand, TablesAreInTheOrderThatTheyAreLookedUpIn) {
  EXPECT_TRUE(std::ranges::is_sorted(event_tables(), {}, &EventTable::name));
}

// EVT-37.
TEST(EventDemand, ATableIsFilledWhileAQueryNamesIt) {
  EXPECT_THAT(active_event_tables(scheduled({"SELECT * FROM processes"}), false), IsEmpty());
  EXPECT_THAT(active_event_tables(scheduled({"select * from (SELECT pid FROM \"Process_Events\") p join dns_events",
                                             "SELECT 1 FROM my_socket_events"}),
                                  false),
              UnorderedElementsAre("process_events", "dns_events"));
}

TEST(EventDemand, ViewsAndTheFlagNameTablesToo) {
  auto configuration = scheduled({});
  configuration.views["starts"] = "SELECT pid FROM process_events";
  configuration.flags.set("events_tables", "dns_events, user_events");
  EXPECT_THAT(active_event_tables(configuration, false),
              UnorderedElementsAre("process_events", "dns_events", "user_events"));
}

TEST(EventDemand, UnderOsquerysNameFlagsDecide) {
  auto configuration = scheduled({"SELECT * FROM process_events"});
  EXPECT_THAT(active_event_tables(configuration, true), ElementsAre("hardware_events"));
  configuration.flags.set("disable_audit", "false");
  configuration.flags.set("audit_allow_sockets", "true");
  EXPECT_THAT(active_event_tables(configuration, true),
              UnorderedElementsAre("hardware_events", "process_events", "socket_events", "user_events"));
  configuration.disabled_subscribers = {"user_events"};
  configuration.enabled_subscribers = {"seccomp_events", "no_table"};
  EXPECT_THAT(active_event_tables(configuration, true),
              UnorderedElementsAre("hardware_events", "process_events", "socket_events", "seccomp_events"));
  configuration.flags.set("disable_events", "true");
  EXPECT_THAT(active_event_tables(configuration, true), IsEmpty());
}

TEST(EventDemand, ForksAndSignalsAreAskedForByTheirFlags) {
  auto configuration = scheduled({});
  auto demand = event_demand(configuration, {"process_events"}, {}, false);
  EXPECT_TRUE(demand.kinds.test(kKind<ProcessEvent>));
  EXPECT_TRUE(demand.execs);
  EXPECT_FALSE(demand.forks);
  configuration.flags.set("audit_allow_fork_process_events", "true");
  configuration.flags.set("events_environment", "LD_PRELOAD, PATH");
  demand = event_demand(configuration, {"process_events"}, {}, false);
  EXPECT_TRUE(demand.forks);
  EXPECT_FALSE(demand.kills);
  EXPECT_THAT(demand.environment, ElementsAre("LD_PRELOAD", "PATH"));
  EXPECT_FALSE(event_demand(configuration, {"dns_events"}, {}, false).forks);
}

TEST(EventDemand, ExcludedPathsAreTheirCategorysOrAsInOsqueryEverybodys) {
  auto configuration = scheduled({});
  configuration.files.paths = {{"etc", {"/etc/%%"}}, {"home", {"/home/%%"}}};
  configuration.files.exclude_paths = {{"etc", {"/etc/mtab"}}};
  configuration.files.accesses = {"home"};
  auto watched = event_demand(configuration, {"file_events"}, {"home"}, false).watched;
  ASSERT_EQ(watched.size(), 2);
  EXPECT_THAT(watched[0].excluded, ElementsAre("/etc/mtab"));
  EXPECT_THAT(watched[1].excluded, IsEmpty());
  EXPECT_FALSE(watched[0].accesses);
  EXPECT_TRUE(watched[1].accesses);
  EXPECT_FALSE(watched[0].digests);
  EXPECT_TRUE(watched[1].digests);
  watched = event_demand(configuration, {"file_events"}, {}, true).watched;
  EXPECT_THAT(watched[1].excluded, ElementsAre("/etc/mtab"));
}

// Of three categories those that are hashed.
std::set<std::string, std::less<>> hashed(Configuration configuration, bool osquery_compatible = false) {
  sql::Registry registry;
  registry.add(osprey::tables::entries());
  registry.add(osprey::events::tables::entries());
  configuration.files.paths = {{"etc", {"/etc/%%"}}, {"home", {"/home/%%"}}, {"tmp", {"/tmp/%%"}}};
  return hashed_categories(configuration, active_event_tables(configuration, osquery_compatible), osquery_compatible,
                           registry);
}

// EVT-08
TEST(EventDemand, FilesAreHashedWhereAQueryReadsADigest) {
  const auto all = testing::ElementsAre("etc", "home", "tmp");
  EXPECT_THAT(hashed(scheduled({"SELECT sha256 FROM process_events"})), IsEmpty());
  EXPECT_THAT(
      hashed(scheduled({"SELECT target_path, size FROM file_events", "SELECT count(*) FROM file_access_events"})),
      IsEmpty());
  for (const auto* sql :
       {"SELECT * FROM file_events", "SELECT f.* FROM file_events f", "SELECT SHA512 FROM file_events",
        "SELECT target_path FROM file_events WHERE hashed = 1", "SELECT sha256 FROM file_access_events",
        "SELECT target_path FROM file_events NATURAL JOIN hash", "SELECT 1; SELECT md5 FROM file_events",
        "SELECT no_such_column FROM file_events"})
    EXPECT_THAT(hashed(scheduled({sql})), all) << sql;
  // Those of another table.
  EXPECT_THAT(hashed(scheduled({"SELECT h.sha256 FROM file_events f JOIN hash h ON h.path = f.target_path"})),
              IsEmpty());
}

TEST(EventDemand, OnlyFilesOfACategoryAreHashedWhereTheQueryReadsNoOther) {
  EXPECT_THAT(hashed(scheduled({"SELECT target_path FROM file_events",
                                "SELECT * FROM file_events f WHERE f.category = 'etc' AND f.action = 'UPDATED'",
                                "SELECT sha256 FROM file_access_events WHERE category = 'home'"})),
              ElementsAre("etc", "home"));
  EXPECT_EQ(hashed(scheduled({"SELECT md5 FROM file_events WHERE category = 'etc' OR size = 0"})).size(), 3);
  EXPECT_EQ(hashed(scheduled({"SELECT md5 FROM file_events WHERE category <> 'etc'"})).size(), 3);
}

TEST(EventDemand, FilesAreHashedWhereAnybodyMayReadTheirDigests) {
  auto configuration = scheduled({});
  configuration.views["sizes"] = "SELECT target_path, size FROM file_events";
  EXPECT_THAT(hashed(configuration), IsEmpty());
  configuration.views["of etc"] = "SELECT * FROM file_events WHERE category = 'etc'";
  EXPECT_THAT(hashed(configuration), ElementsAre("etc"));
  configuration.flags.set("events_tables", "yara_events");
  EXPECT_THAT(hashed(configuration), ElementsAre("etc"));
  configuration.flags.set("events_tables", "file_access_events");
  EXPECT_EQ(hashed(configuration).size(), 3);

  auto of_flags = scheduled({"SELECT target_path FROM file_events"});
  EXPECT_THAT(hashed(of_flags, true), IsEmpty()) << "none are told";
  of_flags.flags.set("enable_file_events", "true");
  EXPECT_EQ(hashed(of_flags, true).size(), 3) << "as osquery does";
  EXPECT_EQ(hashed(of_flags).size(), 3);
  of_flags.disabled_subscribers = {"file_events"};
  EXPECT_THAT(hashed(of_flags), IsEmpty());
}

// EVT-25: what nobody reads cannot be given up.
TEST(EventDemand, WhatIsGivenUpUnderPressureIsOfTheTablesThatAreFilled) {
  auto configuration = scheduled({});
  std::vector<std::string> wrong;
  auto pressure = event_pressure(configuration, {"process_events", "dns_events", "socket_events"}, wrong);
  EXPECT_EQ(pressure.cpu_percent, 25) << "below cgroup_cpu_percent";
  EXPECT_THAT(pressure.order, ElementsAre(Sheddable{"dns_events", kKind<DnsEvent>, false},
                                          Sheddable{"socket_events", kKind<SocketEvent>, false}));
  EXPECT_THAT(wrong, IsEmpty());
  configuration.flags.set("events_shed_order", "process_events, socket_event");
  configuration.flags.set("events_cpu_percent", "0");
  pressure = event_pressure(configuration, {"process_events", "socket_events"}, wrong);
  EXPECT_EQ(pressure.cpu_percent, 0);
  EXPECT_THAT(pressure.order, ElementsAre(Sheddable{"process_events", kKind<ProcessEvent>, false}));
  EXPECT_THAT(wrong, ElementsAre("socket_event"));
}

// compat section 5.3.
TEST(EventDemand, EventsAreKeptForThreeOfTheLongestIntervals) {
  auto configuration = scheduled({"SELECT * FROM dns_events"}, 86'400);
  configuration.flags.set("events_expiry", "600");
  configuration.flags.set("syslog_events_expiry", "0");
  const auto expiry = event_expiry(configuration);
  EXPECT_EQ(expiry[kKind<ProcessEvent>], 600);
  EXPECT_EQ(expiry[kKind<DnsEvent>], 3 * 86'400 + 60);
  EXPECT_EQ(expiry[kKind<SyslogEvent>], 0);
}

}  // namespace
}  // namespace osprey::agent
