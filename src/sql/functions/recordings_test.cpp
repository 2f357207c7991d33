// Replays what a real osquery answered (tests/compat/functions) and holds the differences against the lists below.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/base64.h"
#include "base/text.h"
#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

const std::filesystem::path kRecordings = std::filesystem::path(OSPREY_TESTS_DIRECTORY) / "compat" / "functions";

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Expressions whose recorded value is a fault that osprey mends, with its own value. Under osquery's names the
// recorded value is expected.
struct Mended {
  std::string_view expression;
  std::string_view value;
  std::string_view reason;
};
constexpr Mended kMended[] = {
    {"in_cidr_block('10.0.0.0/24','10.0.0.0')", "1", "a block contains its network address"},
    {"in_cidr_block('10.0.0.0/24','10.0.0.255')", "1", "a block contains its broadcast address"},
    {"in_cidr_block('10.0.0.0/31','10.0.0.0')", "1", "a /31 has two addresses (RFC 3021)"},
    {"in_cidr_block('10.0.0.0/31','10.0.0.1')", "1", "a /31 has two addresses (RFC 3021)"},
    {"in_cidr_block('::/0','::1')", "1", "::/0 contains every address"},
    {"'1.0~a'<'1.0' collate version_dpkg", "1", "dpkg sorts a tilde before the end"},
    {"version_compare('1.0~rc1','1.0','DPKG')", "-1", "dpkg sorts a tilde before the end"},
    {"version_compare('01','1','DPKG')", "0", "dpkg compares digits as numbers"},
    {"version_compare('01','1','ARCH')", "0", "pacman compares digits as numbers"},
    {"version_compare('abc','1','ARCH')", "-1", "to pacman numbers are newer than letters"},
    {"version_compare('v1.2','1.2','ARCH')", "-1", "to pacman numbers are newer than letters"},
    {"version_compare('1.0~rc1','1.0','ARCH')", "1", "a tilde is a separator like others to pacman"},
    {"version_compare('1.10','1.9','RHEL')", "1", "rpm compares digits as numbers"},
    {"version_compare('01','1','RHEL')", "0", "rpm compares digits as numbers"},
    {"version_compare('1.0-1ubuntu2','1.0-1ubuntu10','RHEL')", "-1", "rpm compares digits as numbers"},
    {"version_compare('abc','1','RHEL')", "-1", "to rpm numbers are newer than letters"},
    {"version_compare('v1.2','1.2','RHEL')", "-1", "to rpm numbers are newer than letters"},
    {"carve('/etc/hosts')", "Carve Failed: it is off (disable_carver, carver_disable_function)", "it says why"},
    {"carve(null)", "Carve Failed: it is off (disable_carver, carver_disable_function)", "it says why"},
    {"regex_match('hé','.$',0)", "é", "text that is UTF-8 is matched by characters, not by bytes"},
};

// What is not of these functions: stock SQLite 3.40 of Debian against the 3.42 that osquery builds with less.
std::string_view stock_difference(std::string_view expression) {
  static const std::map<std::string_view, std::string_view> reasons = {
      {"sqlite_version()", "another SQLite"},
      {"load_extension('x')", "refused by the authorizer, which is not of this folder"},
      {"fts3_tokenizer('x')", "Debian builds SQLite with full-text search"},
      {"bm25(1)", "Debian builds SQLite with full-text search"},
  };
  if (const auto found = reasons.find(expression); found != reasons.end()) return found->second;
  for (const auto name : {"ceiling(", "ln(", "mod(", "trunc(", "log2(", "pow(", "sinh(", "acosh(", "atan2("}) {
    if (expression.starts_with(name)) return "Debian builds SQLite with mathematical functions";
  }
  return "";
}

struct Case {
  std::string expression;
  Outcome outcome;
  std::string warning;  // without the log line's head
};

// A shell prints text up to its first NUL.
Outcome as_printed(Outcome outcome) {
  outcome.text.resize(std::min(outcome.text.find('\0'), outcome.text.size()));
  return outcome;
}

// The value of the key "v" in a JSON answer with bytes that JSON does not allow.
std::string raw_value(std::string_view answer) {
  constexpr std::string_view key = "\"v\":\"";
  const auto begin = answer.find(key) + key.size();
  return std::string(answer.substr(begin, answer.rfind("\"}") - begin));
}

Case read_case(const boost::json::object& recorded) {
  const auto text = [&recorded](const char* key) { return std::string(recorded.at(key).as_string()); };
  Case read{text("expr"), {}, ""};
  if (recorded.at("exit").to_number<int>() != 0) {
    read.outcome = {true, text("stderr"), ""};
    constexpr std::string_view prefix = "Error: ";
    EXPECT_TRUE(read.outcome.text.starts_with(prefix));
    read.outcome.text = trim(std::string_view(read.outcome.text).substr(prefix.size()));
  } else if (recorded.contains("stdout_base64")) {
    read.outcome = {false, raw_value(from_base64(text("stdout_base64")).value()), "text"};
  } else {
    read.outcome = {false, text("value"), text("typeof")};
    if (recorded.contains("stderr")) {
      const auto logged = text("stderr");
      constexpr std::string_view head_end = "] ";
      const auto begin = logged.find(head_end) + head_end.size();
      read.warning = logged.substr(begin, logged.find('\n') - begin);
    }
  }
  return read;
}

std::vector<Case> read_cases() {
  std::vector<Case> cases;
  for (const auto& entry : std::filesystem::directory_iterator(kRecordings)) {
    if (entry.path().extension() != ".json") continue;
    const auto document = boost::json::parse(read(entry.path()));
    for (const auto& recorded : document.as_array()) {
      if (!recorded.as_object().contains("expr")) continue;  // the lists of functions and collations
      cases.push_back(read_case(recorded.as_object()));
    }
  }
  return cases;
}

using RecordingsTest = FunctionsTest;

TEST_F(RecordingsTest, EveryAnswerUnderOsquerysNames) {
  be_osquery(true);
  std::string warned;
  options_.warn = [&warned](std::string text) { warned = std::move(text); };
  const auto cases = read_cases();
  EXPECT_EQ(cases.size(), 598u);
  for (const auto& [expression, outcome, warning] : cases) {
    if (!stock_difference(expression).empty()) continue;
    warned.clear();
    EXPECT_EQ(as_printed(run(expression)), outcome) << expression;
    EXPECT_EQ(warned, warning) << expression;
  }
}

TEST_F(RecordingsTest, EveryAnswerButTheMendedOnes) {
  std::size_t used = 0;
  for (auto& [expression, outcome, warning] : read_cases()) {
    if (!stock_difference(expression).empty()) continue;
    const auto* other = std::ranges::find(kMended, expression, &Mended::expression);
    if (other == std::end(kMended)) {
      EXPECT_EQ(as_printed(run(expression)), outcome) << expression;
    } else {
      ++used;
      EXPECT_NE(outcome.text, other->value) << expression << " needs no mending";
      outcome.text = other->value;
      EXPECT_EQ(run(expression), outcome) << expression << ": " << other->reason;
    }
  }
  EXPECT_EQ(used, std::size(kMended));
}

TEST_F(RecordingsTest, EveryFunctionIsThereWithItsArguments) {
  const auto document = boost::json::parse(read(kRecordings / "pragma_function_list.json"));
  int count = 0;
  for (const auto& recorded : document.as_array()) {
    const auto text = [&recorded](const char* key) { return std::string(recorded.at(key).as_string()); };
    // The latter two are SQLite's: of its full-text search and of its shell.
    if (text("builtin") == "1" || text("name") == "match" || text("name") == "shellstatic") continue;
    EXPECT_EQ(value("(select count(*) from pragma_function_list where not builtin and name = '" + text("name") +
                    "' and narg = " + text("narg") + " and type = '" + text("type") + "')"),
              "1")
        << text("name");
    ++count;
  }
  EXPECT_EQ(count, 40);
}

TEST_F(RecordingsTest, EveryCollationIsThere) {
  const auto document = boost::json::parse(read(kRecordings / "collation_list.json"));
  for (const auto& recorded : document.as_array()) {
    const auto name = std::string(recorded.at("name").as_string());
    EXPECT_EQ(value("(select count(*) from pragma_collation_list where name = '" + name + "')"), "1") << name;
  }
}

TEST_F(RecordingsTest, TildesUnderOsquerysNames) {
  be_osquery(true);
  const auto text = read(kRecordings / "version_compare_tilde_repeats.jsonl");
  int count = 0;
  for (const auto line : Lines(text)) {
    const auto recorded = boost::json::parse({line.data(), line.size()}).as_object();
    const auto quoted = [&recorded](const char* key) { return "'" + std::string(recorded.at(key).as_string()) + "'"; };
    const auto call = "version_compare(" + quoted("a") + "," + quoted("b") + "," + quoted("flavour") + ")";
    EXPECT_EQ(value(call), recorded.at("five_separate_runs").at(0).as_string()) << call;
    ++count;
  }
  EXPECT_EQ(count, 21);
}

}  // namespace
}  // namespace osprey::sql
