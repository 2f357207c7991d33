// The tables of what only audit tells: records in, rows out.
#include <gmock/gmock.h>

#include "base/temporary_tree.h"
#include "base/text.h"
#include "events/audit/decode.h"
#include "events/journal/event_rows.h"
#include "events/tables/testing.h"
#include "store/fifo_store.h"

namespace osprey::events::tables {
sql::Table apparmor_events();
sql::Table process_events();
sql::Table process_file_events();
sql::Table seccomp_events();
sql::Table selinux_events();
sql::Table user_events();

namespace {

using ::testing::ElementsAre;

constexpr sql::TableEntry kTables[] = {{"apparmor_events", apparmor_events},         {"process_events", process_events},
                                       {"process_file_events", process_file_events}, {"seccomp_events", seccomp_events},
                                       {"selinux_events", selinux_events},           {"user_events", user_events}};

class AuditTables : public TemporaryTree, public EventSink {
 protected:
  AuditTables() {
    std::vector<store::FifoFamily> families;
    for (const auto family : kFamilies) families.push_back({std::string(family), 4 << 20});
    auto opened = store::open_fifo({top / "journal", families});
    if (!opened) throw std::runtime_error(opened.error().text());
    store_ = std::move(opened->store);
    journal_ = std::make_unique<Journal>(*store_, std::vector<std::string>(kFamilies.begin(), kFamilies.end()));
    reads_ = std::make_unique<EventReads>(*journal_);
    registry_.add(kTables);
    services_.provide(*reads_);
  }
  void take(AnyEvent event) override {
    std::string record;
    std::visit([&](auto* one) { encode(*one, record); }, event);
    const Journal::Row row{event.index(), 1'700'000'000, record};
    ASSERT_TRUE(journal_->append({&row, 1}));
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

  void hear(std::string_view lines) {
    audit::AuditOptions options;
    options.file_events = options.selinux_events = options.apparmor_events = options.seccomp_events = true;
    Demand demand;
    demand.kinds.set();
    demand.execs = true;
    demand.watched.push_back({"etc", {"/etc/%%"}, {}, false});
    audit::Decoder decoder(options, "", {});
    decoder.demand(demand);
    // The machine was started 60 s before.
    decoder.boot_at(1'699'999'940'000'000'000);
    audit::Reassembly reassembly([&](const audit::RecordGroup& group) { decoder.decode(group, *this); });
    for (const auto line : Lines(lines))
      if (const auto record = audit::parse_log_line(line)) reassembly.add(*record);
    reassembly.flush();
  }

  std::vector<std::string> ask(std::string_view sql) { return testing::rows_of(registry_, &services_, sql); }

 private:
  std::unique_ptr<store::FifoStore> store_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<EventReads> reads_;
  sql::Registry registry_;
  sql::Services services_;
};

// EVT-07
TEST_F(AuditTables, UserEvents) {
  hear(
      "type=USER_LOGIN msg=audit(1700000000.000:5): pid=77 uid=0 auid=4294967295 ses=3 msg='op=login "
      "exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.9 terminal=ssh res=failed'\n");
  EXPECT_THAT(ask("SELECT * FROM user_events"),
              ElementsAre("0|4294967295|77|op=login exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.9 terminal=ssh "
                          "res=failed|1112|/usr/sbin/sshd|10.0.0.9|ssh|1700000000|60"));
}

// EVT-45
TEST_F(AuditTables, SelinuxEvents) {
  hear("type=MAC_STATUS msg=audit(1700000000.000:6): enforcing=0 old_enforcing=1\n");
  EXPECT_THAT(ask("SELECT * FROM selinux_events"), ElementsAre("MAC_STATUS|enforcing=0 old_enforcing=1|1700000000|60"));
}

// EVT-44
TEST_F(AuditTables, ApparmorEvents) {
  hear(
      "type=AVC msg=audit(1700000000.000:5): apparmor=\"DENIED\" operation=\"capable\" profile=\"p\" pid=9 "
      "comm=\"cupsd\" capability=12 capname=\"net_admin\"\n");
  EXPECT_THAT(ask("SELECT apparmor, operation, parent, profile, name, pid, comm, capname, fsuid, capability, info "
                  "FROM apparmor_events"),
              ElementsAre("DENIED|capable|0|p||9|cupsd|net_admin||12|"));
}

TEST_F(AuditTables, SeccompEvents) {
  hear(
      "type=SECCOMP msg=audit(1700000000.000:5): auid=4294967295 uid=1 gid=2 ses=3 pid=9 comm=\"x\" exe=\"/bin/x\" "
      "sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f00 code=0x80000000\n"
      "type=SECCOMP msg=audit(1700000000.000:6): pid=9 sig=0 arch=40000003 syscall=102 compat=1 ip=0x1 "
      "code=0x50001\n");
  EXPECT_THAT(ask("SELECT * FROM seccomp_events"),
              ElementsAre("1700000000|60|4294967295|1|2|3|9|x|/bin/x|31|x86_64|socket|0|0x7f00|KILL_PROCESS",
                          "1700000000|60|4294967295|4294967295|4294967295|4294967295|9|||0|i386|socketcall|1|0x1|"
                          "ERRNO"));
}

TEST_F(AuditTables, ProcessFileEvents) {
  hear(
      "type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=82 success=yes exit=0 ppid=6 pid=7 "
      "auid=4294967295 uid=1 gid=2 euid=3 suid=4 fsuid=5 egid=6 sgid=7 fsgid=8 comm=\"mv\" exe=\"/bin/mv\"\n"
      "type=CWD msg=audit(1700000000.000:1): cwd=\"/etc/ssh\"\n"
      "type=PATH msg=audit(1700000000.000:1): item=0 name=\"../a\" nametype=DELETE\n"
      "type=PATH msg=audit(1700000000.000:1): item=1 name=\"./b\" nametype=CREATE\n"
      "type=EOE msg=audit(1700000000.000:1): \n");
  EXPECT_THAT(ask("SELECT * FROM process_file_events"),
              ElementsAre("rename|7|6|1700000000|/bin/mv|false|/etc/ssh|/etc/a|/etc/ssh/b|1|2|4294967295|3|6|5|8|4|7|"
                          "60"));
}

TEST_F(AuditTables, WhatNoRecordHasOfAnExecIsNull) {
  hear(
      "type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=59 success=yes exit=0 a0=1 ppid=6 pid=7 "
      "auid=4294967295 uid=1 gid=2 euid=1 suid=1 fsuid=1 egid=2 sgid=2 fsgid=2 comm=\"true\" exe=\"/bin/true\"\n"
      "type=EXECVE msg=audit(1700000000.000:1): argc=1 a0=\"true\"\n"
      "type=EOE msg=audit(1700000000.000:1): \n");
  EXPECT_THAT(ask("SELECT cmdline, typeof(env_count), typeof(env_size) FROM process_events"),
              ElementsAre("true|null|null"));
}

}  // namespace
}  // namespace osprey::events::tables
