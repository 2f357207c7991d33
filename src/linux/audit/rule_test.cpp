#include "linux/audit/rule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/audit.h>

#include <cerrno>

#include "linux/audit/control.h"
#include "linux/audit/names.h"

namespace osprey::linux {
namespace {

std::string refusal(std::string_view text) {
  const auto rule = parse_audit_rule(text);
  return rule ? "" : rule.error().message;
}

// EVT-29: each field, with the operators that the kernel takes for it, there and back.
TEST(AuditRule, EveryFieldIsReadAndWritten) {
  const std::vector<std::string> conditions = {
      "a0=0x1",          "a1!=0xFF",         "a2&0x3",      "a3&=0x40000", "auid>=1000",
      "auid=-1",         "devmajor=8",       "devminor=1",  "egid<5",      "euid=0",
      "exit=-EACCES",    "exit>0",           "fsgid=1",     "fsuid=2",     "gid<=3",
      "inode=12345",     "obj_user=u",       "obj_role=r",  "obj_type=t",  "obj_lev_low=s0",
      "obj_lev_high=s1", "path=/etc/passwd", "pers=8",      "pid=7",       "ppid!=8",
      "subj_user=u",     "subj_role=r",      "subj_type=t", "subj_sen=s0", "subj_clr=s15",
      "sgid=4",          "success=1",        "suid=5",      "uid>6",       "exe=/bin/true",
      "perm=rwxa",       "sessionid=9",      "obj_uid=1",   "obj_gid=2",   "saddr_fam=10",
      "filetype=socket"};
  for (const auto& condition : conditions) {
    const auto rule = parse_audit_rule("-a always,exit -F " + condition);
    ASSERT_TRUE(rule) << condition << ": " << rule.error().text();
    EXPECT_EQ(audit_field_text(rule->fields.at(0)), condition);
    const auto read = decode_audit_rule(encode(*rule));
    ASSERT_TRUE(read) << condition;
    EXPECT_EQ(*read, *rule) << condition;
  }
}

TEST(AuditRule, WholeRulesThereAndBack) {
  for (const std::string text : {
           "-a always,exit -F arch=aarch64 -S execve,execveat -F success=1 -F key=osprey",
           "-A never,exit -S all -F exe=/bin/ls -F pid=3",
           "-a always,exclude -F msgtype=PROCTITLE",
           "-a never,task -F pid=3",
           "-a never,user -F uid=1000",
           "-a always,filesystem -F fstype=tracefs",
           "-w /etc/passwd -p rwa -k one -k two",
           "-a always,exit -S all -F dir=/etc -F perm=wa -C uid!=euid -F key=one -F key=two",
       }) {
    const auto rule = parse_audit_rule(text);
    ASSERT_TRUE(rule) << rule.error().text();
    EXPECT_EQ(text_of(*rule), text);
  }
  const auto watch = parse_audit_rule("-w /etc/passwd -p r -k one -k two");
  EXPECT_EQ(watch->keys(), (std::vector<std::string_view>{"one", "two"}));
}

TEST(AuditRule, WhatIsWrittenOtherwiseMeansTheSame) {
  EXPECT_EQ(text_of(*parse_audit_rule("-a exit,always -F 'exe=/opt/a b/c' -k \"two words\"")),
            "-a always,exit -S all -F exe=/opt/a b/c -F key=two words");
  EXPECT_EQ(parse_audit_rule("-a always,exit -F auid=unset")->fields[0].value, UINT32_MAX);
  EXPECT_EQ(parse_audit_rule("-a always,exit -F uid=root")->fields[0].value, 0U);
  EXPECT_EQ(parse_audit_rule("-a always,exit -F a0=017")->fields[0].value, 15U);
  EXPECT_EQ(parse_audit_rule("-a always,exit -F exit=-13")->fields[0].value, static_cast<std::uint32_t>(-EACCES));
  EXPECT_EQ(parse_audit_rule("-a always,exit -C euid=uid")->fields[0].value, AUDIT_COMPARE_UID_TO_EUID);
}

// EVT-29: unknown ones are refused by name, with the nearest right word.
TEST(AuditRule, WhatIsWrongIsNamed) {
  EXPECT_EQ(refusal("-a always,exit -F uidd=3"), "'uidd' is no field of a rule: 'uid' is");
  EXPECT_EQ(refusal("-a always,exit -F flavour=3"), "'flavour' is no field of a rule");
  EXPECT_EQ(refusal("-a always,exit -F uid=>3"), "'=>' is no operator: = != < > <= >= & &= are");
  EXPECT_EQ(refusal("-a always,exit -F uid"),
            "'uid' has no operator: write FIELD=VALUE with one of = != < > <= >= & &=");
  EXPECT_EQ(refusal("-a always,exit -F uid&3"), "uid cannot be asked with '&', only with = != < > <= >=");
  EXPECT_EQ(refusal("-a always,exit -F exe>=/bin"), "exe cannot be asked with '>=', only with = and !=");
  EXPECT_EQ(refusal("-a always,exit -F pid=many"), "'many' is no number of 32 bits");
  EXPECT_EQ(refusal("-a always,exit -F perm=z"), "'z' is no permission: r, w, x and a are");
  EXPECT_EQ(refusal("-a always,exit -F exit=-EACESS"), "'EACESS' is no error's name: 'EACCES' is");
  EXPECT_EQ(refusal("-a always,exit -F arch=b16"), "'b16' is no architecture");
  EXPECT_EQ(refusal("-a always,exit -F arch=x86_64 -S exceve"), "'exceve' is no system call of x86_64: 'execve' is");
  EXPECT_EQ(refusal("-a always,exot"), "'exot' is no list of rules: 'exit' is");
  EXPECT_EQ(refusal("-a always,exit -C uid=gid"), "the kernel cannot compare uid with gid");
  EXPECT_EQ(refusal("-a always,exit -F 'exe=/bin/x"), "a quote ' is not closed");
  EXPECT_EQ(refusal("-a always,exit -F"), "'-F' needs a value");
  EXPECT_EQ(refusal("-F uid=3"), "needs one of -a ACTION,LIST and -w PATH");
  EXPECT_EQ(refusal("-w etc -p r"), "'etc' is no absolute path");
  EXPECT_EQ(refusal("-a always,exit -F arch=x32"),
            "the kernel cannot audit x32's system calls: their numbers do not fit into a rule's mask");
}

// EVT-30
TEST(AuditRule, TheSixtyFifthFieldIsRefused) {
  std::string text = "-a always,exit";
  for (int i = 0; i < 64; ++i) text += fmt::format(" -F pid!={}", i + 1);
  EXPECT_EQ(refusal(text), "");
  EXPECT_EQ(decode_audit_rule(encode(*parse_audit_rule(text)))->fields.size(), 64U);
  EXPECT_EQ(refusal(text + " -F uid=1"), "'uid=1' is its 65th field, the kernel takes 64 a rule: make two rules of it");
  EXPECT_EQ(refusal(text + " -k x"), "its key is the 65th field, the kernel takes 64");
}

TEST(AuditRule, DamagedBytesAreNoRule) {
  const auto whole = encode(*parse_audit_rule("-a always,exit -F exe=/bin/true -k x"));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(decode_audit_rule(whole.substr(0, size)));
  auto rule = *parse_audit_rule("-a always,exit -F exe=/bin/true");
  auto bytes = encode(rule);
  audit_rule_data data{};
  bytes.copy(reinterpret_cast<char*>(&data), sizeof data);
  data.values[0] = 1000;
  bytes.replace(0, sizeof data, reinterpret_cast<const char*>(&data), sizeof data);
  EXPECT_FALSE(decode_audit_rule(bytes));
  data.field_count = 65;
  bytes.replace(0, sizeof data, reinterpret_cast<const char*>(&data), sizeof data);
  EXPECT_FALSE(decode_audit_rule(bytes));
}

TEST(AuditNames, NumbersOfEachArchitecture) {
  EXPECT_EQ(syscall_number(AuditArch::x86_64, "execve"), 59U);
  EXPECT_EQ(syscall_number(AuditArch::i386, "execve"), 11U);
  EXPECT_EQ(syscall_number(AuditArch::aarch64, "execve"), 221U);
  EXPECT_EQ(syscall_number(AuditArch::x32, "execve"), 0x40000000U + 520);
  EXPECT_EQ(syscall_name(AuditArch::x32, 0x40000000U + 520), "execve");
  EXPECT_EQ(syscall_name(AuditArch::i386, 102), "socketcall");
  EXPECT_FALSE(syscall_number(AuditArch::x86_64, "socketcall"));
  EXPECT_EQ(syscall_name(AuditArch::x86_64, 100'000), "");
  EXPECT_EQ(audit_arch(AUDIT_ARCH_X86_64, 0x40000001), AuditArch::x32);
  EXPECT_FALSE(audit_arch(0, 0));
  EXPECT_EQ(record_type_name(1300), "SYSCALL");
  EXPECT_EQ(record_type("USER_LOGIN"), 1112);
  EXPECT_EQ(record_type("UNKNOWN[1399]"), 1399);
  EXPECT_FALSE(record_type("NONSENSE"));
}

TEST(AuditStatus, OlderKernelsSayLess) {
  audit_status bytes{};
  bytes.enabled = 1;
  bytes.lost = 7;
  bytes.backlog_wait_time = 15000;
  const std::string_view whole(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  EXPECT_EQ(parse_audit_status(whole)->waited, 0U);
  EXPECT_EQ(parse_audit_status(whole.substr(0, 40))->backlog_wait_time, 15000U);
  EXPECT_FALSE(parse_audit_status(whole.substr(0, 40))->waited);
  EXPECT_EQ(parse_audit_status(whole.substr(0, 32))->lost, 7U);
  EXPECT_FALSE(parse_audit_status(whole.substr(0, 32))->backlog_wait_time);
  EXPECT_FALSE(parse_audit_status(whole.substr(0, 31)));
  EXPECT_EQ(audit_feature_names(0x7F).size(), 7U);
  EXPECT_EQ(audit_failure_name(2), "panic");
}

TEST(AuditRule, OursAreKnownByTheirFirstKeyOrAsTitles) {
  const auto ours = [](std::string_view text) { return is_set_by(*parse_audit_rule(text), "osprey"); };
  EXPECT_TRUE(ours("-a always,exit -S execve -k osprey"));
  EXPECT_FALSE(ours("-a always,exit -S execve -k mine -k osprey"));
  EXPECT_FALSE(ours("-a always,exclude -F msgtype=PROCTITLE"));
  EXPECT_TRUE(ours(text_of(titles_rule())));
  EXPECT_EQ(decode_audit_rule(encode(titles_rule())), titles_rule());
}

}  // namespace
}  // namespace osprey::linux
