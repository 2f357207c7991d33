#include "events/audit/record.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <string>
#include <vector>

namespace osprey::events::audit {
namespace {

// EVT-01
TEST(AuditRecord, TheStampIsTakenApart) {
  const auto record = parse_record(AUDIT_CWD, std::string_view("audit(1700000000.123:456): cwd=\"/\"\n\0\0", 37));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->stamp, (Stamp{1'700'000'000'123, 456}));
  EXPECT_EQ(record->fields, "cwd=\"/\"");
  for (const auto* bad : {"", "audit(", "audit(1700000000.123:456)", "audit(-1.000:1): ", "audit(1.1000:1): ",
                          "audit(99999999999999.000:1): ", "audit(x.000:1): ", "adit(1.000:1): "})
    EXPECT_FALSE(parse_record(AUDIT_CWD, bad)) << bad;
}

TEST(AuditRecord, LinesOfALogAreRecords) {
  const auto plain = parse_log_line("type=SYSCALL msg=audit(1.002:3): arch=c000003e syscall=59");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->type, AUDIT_SYSCALL);
  EXPECT_EQ(plain->fields, "arch=c000003e syscall=59");
  const auto enriched = parse_log_line("node=host type=UNKNOWN[1334] msg=audit(1.002:3): op=LOAD\x1DUID=\"root\"");
  ASSERT_TRUE(enriched);
  EXPECT_EQ(enriched->type, AUDIT_BPF);
  EXPECT_EQ(enriched->fields, "op=LOAD");
  for (const auto* bad : {"", "SYSCALL", "type=NOSUCH msg=audit(1.002:3): ", "type=CWD audit(1.002:3): ", "node=x"})
    EXPECT_FALSE(parse_log_line(bad)) << bad;
}

TEST(AuditRecord, FieldsHaveQuotedAndBareValues) {
  std::string_view rest = "argc=2  a0=\"a b\" avc:  denied { x } a1= msg='op=x acct=\"r\" res=success' last=\"open";
  std::vector<std::pair<std::string, std::string>> seen;
  while (const auto field = take_field(rest)) seen.emplace_back(field->name, field->value);
  EXPECT_EQ(
      seen,
      (decltype(seen){
          {"argc", "2"}, {"a0", "\"a b\""}, {"a1", ""}, {"msg", "'op=x acct=\"r\" res=success'"}, {"last", "\"open"}}));
  EXPECT_EQ(find_field("a=1 b=2", "b"), "2");
  EXPECT_FALSE(find_field("a=1 b=2", "c"));
}

TEST(AuditRecord, ValuesAreQuotedOrHexadecimal) {
  TextArena arena;
  EXPECT_EQ(text_value("\"6162\"", arena), "6162");
  EXPECT_EQ(text_value("6162", arena), "ab");
  EXPECT_EQ(text_value("FF0a", arena), "\xFF\n");
  EXPECT_EQ(text_value("\"\"", arena), "");
  for (const auto* nothing : {"(null)", "(none)", "?", ""}) EXPECT_EQ(text_value(nothing, arena), "");
  EXPECT_EQ(text_value("abc", arena), "abc");
  EXPECT_EQ(text_value("zz", arena), "zz");
  EXPECT_EQ(bytes_value("0200", arena), std::string_view("\2\0", 2));
  EXPECT_FALSE(bytes_value("020", arena));
  EXPECT_FALSE(bytes_value("0x", arena));
}

}  // namespace
}  // namespace osprey::events::audit
