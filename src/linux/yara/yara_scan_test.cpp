#include "linux/yara/yara_scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/temporary_tree.h"
#include "linux/yara/process_memory.h"
#include "linux/yara/yara_answers.h"

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr std::string_view kMarks = R"(
rule marked : first second { strings: $a = "MARK-ONE" $b = { 4D 41 52 4B 2D 54 57 4F } condition: any of them }
private rule helper { strings: $x = "MARK-TWO" condition: $x }
rule helped { condition: helper }
rule large { condition: filesize > 1MB }
)";

class YaraTest : public TemporaryTree {
 protected:
  YaraRuleSetPtr of_text(std::string_view text) {
    auto set = sets_.of_text(text, Interrupt::never());
    EXPECT_TRUE(set) << set.error().text();
    return *set;
  }
  YaraRuleSetPtr of_files(std::vector<std::string> files, std::string_view name = "group") {
    auto set = sets_.of_files(YaraRuleSource::group, name, files, top.string(), Interrupt::never());
    EXPECT_TRUE(set) << set.error().text();
    return *set;
  }
  Result<YaraReport> scan(std::string_view content, const YaraRuleSetPtr& set, bool strings = true) {
    write("scanned", content);
    const std::array asked{AskedYaraSet{set, strings}};
    return scan_file(scans_, Root::host(), path("scanned"), asked);
  }

  std::string path(std::string_view name) const { return (top / name).string(); }

  YaraCompiler compiler_;
  YaraScanner scanner_{"test-yara"};
  YaraRuleSets sets_{compiler_};
  YaraScans scans_{.scanner = scanner_};
};

TEST_F(YaraTest, MatchesWithPlacesAndTags) {
  const auto set = of_text(kMarks);
  EXPECT_EQ(set->error, "");
  EXPECT_EQ(set->rules(), 4u);
  const auto report = scan("..MARK-ONE......MARK-TWO MARK-ONE", set);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->matches, "marked,helped");
  EXPECT_EQ(report->count, 2u);
  EXPECT_EQ(report->strings, "$a:2,$a:19,$b:10");
  EXPECT_EQ(report->tags, "first,second");
  EXPECT_EQ(report->skipped, "");
  EXPECT_GT(report->seconds, 0);
  EXPECT_EQ(set->matches, 2u);

  const auto hidden = scan("MARK-ONE", set, false);
  EXPECT_EQ(hidden->matches, "marked");
  EXPECT_EQ(hidden->strings, "");
  EXPECT_EQ(scan("nothing", set)->count, 0u);
  EXPECT_EQ(scan("", set)->count, 0u);
}

TEST_F(YaraTest, CompilesOnceUntilAFileChanges) {
  write("a.yar", "rule one { strings: $a = \"ONE\" condition: $a }");
  const auto first = of_files({"a.yar"});
  EXPECT_EQ(of_files({"a.yar"}), first);
  EXPECT_THAT(first->paths, ElementsAre(path("a.yar")));
  EXPECT_EQ(scan("ONE TWO", first)->matches, "one");
  write("a.yar", "rule two { strings: $a = \"TWO\" condition: $a }");
  const auto second = of_files({"a.yar"});
  EXPECT_NE(second, first);
  EXPECT_EQ(scan("ONE TWO", second)->matches, "two");
  const auto text = of_text("rule a { condition: true }");
  EXPECT_EQ(of_text("rule a { condition: true }"), text);
  EXPECT_NE(of_text("rule b { condition: true }"), text);
  EXPECT_EQ(sets_.fetched("http://h/", 60s), nullptr);
  const auto fetched = sets_.of_fetched("http://h/", "rule c { condition: true }", Interrupt::never());
  EXPECT_EQ(sets_.fetched("http://h/", 60s), *fetched);
  EXPECT_EQ(sets_.fetched("http://h/", 0s), nullptr);
  EXPECT_NE(*sets_.of_fetched("http://h/", "rule d { condition: true }", Interrupt::never()), *fetched);
}

TEST_F(YaraTest, WhatDoesNotCompileIsLeftOutAndTold) {
  write("good.yar", "rule good { condition: true }");
  write("bad.yar", "rule fine { condition: true }\nrule bad { condition: nonsense }");
  write("worse.yar", "this is no rule");
  const auto set = of_files({"bad.yar", "good.yar", "absent.yar", "worse.yar"});
  EXPECT_EQ(set->rules(), 1u);
  EXPECT_THAT(set->error, HasSubstr("bad.yar: line 2: undefined identifier \"nonsense\""));
  EXPECT_THAT(set->error, HasSubstr("absent.yar: No such file"));
  EXPECT_THAT(set->error, HasSubstr("worse.yar: line 1: syntax error"));
  EXPECT_EQ(scan("x", set)->matches, "good");

  const auto none = of_text("rule a { condition:");
  EXPECT_FALSE(none->compiled());
  EXPECT_THAT(none->error, HasSubstr("syntax error"));
}

TEST_F(YaraTest, FilesOfAGroupUseEachOthersRules) {
  write("a.yar", "rule base { strings: $a = \"BASE\" condition: $a }");
  write("b.yar", "rule derived { condition: base }");
  EXPECT_EQ(scan("BASE", of_files({"a.yar", "b.yar"}))->matches, "base,derived");
}

TEST_F(YaraTest, Includes) {
  write("sub/one.yar", "include \"two.yar\"\nrule one { condition: two }");
  write("sub/two.yar", "rule two { condition: true }");
  write("top.yar", "include \"sub/one.yar\"");
  const auto set = of_files({"top.yar"});
  EXPECT_EQ(set->error, "");
  EXPECT_EQ(set->paths.size(), 3u);
  EXPECT_EQ(scan("x", set)->matches, "two,one");
  write("sub/two.yar", "rule two { condition: false }");
  EXPECT_EQ(scan("x", of_files({"top.yar"}))->matches, "") << "an included file has changed";

  EXPECT_THAT(of_text("include \"/etc/passwd\"")->error, HasSubstr("cannot include others"));
  write("lost.yar", "include \"nowhere.yar\"");
  EXPECT_THAT(of_files({"lost.yar"})->error, HasSubstr("No such file"));
}

TEST_F(YaraTest, EndlessIncludes) {
  write("self.yar", "include \"self.yar\"");
  EXPECT_THAT(of_files({"self.yar"})->error, HasSubstr("include"));
  for (int i = 0; i < 40; ++i) write(fmt::format("deep{}.yar", i), fmt::format("include \"deep{}.yar\"", i + 1));
  write("deep40.yar", "rule a { condition: true }");
  EXPECT_THAT(of_files({"deep0.yar"})->error, HasSubstr("depth"));
  for (int i = 0; i < 100; ++i) write(fmt::format("wide{}.yar", i), "");
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += fmt::format("include \"wide{}.yar\"\n", i);
  write("wide.yar", wide);
  EXPECT_FALSE(of_files({"wide.yar"})->compiled());
}

TEST_F(YaraTest, RulesCompiledElsewhere) {
  write("a.yar", "rule compiled { strings: $a = \"MARK\" condition: $a }");
  const auto made = of_files({"a.yar"});
  std::string bytes(made->pieces[0]->bytes, '\0');
  ASSERT_EQ(::pread(made->pieces[0]->file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  ASSERT_TRUE(is_compiled_yara(bytes));
  write("a.yarc", bytes);
  write("b.yar", "rule plain { condition: true }");
  const auto set = of_files({"a.yarc", "b.yar"});
  EXPECT_EQ(set->error, "");
  EXPECT_EQ(set->rules(), 2u);
  EXPECT_EQ(scan("MARK", set)->matches, "plain,compiled");

  write("cut.yarc", std::string_view(bytes).substr(0, bytes.size() / 2));
  EXPECT_THAT(of_files({"cut.yarc"})->error, HasSubstr("cut.yarc"));
  EXPECT_FALSE(of_files({"cut.yarc"})->compiled());
}

// Whatever damaged compiled rules do, they do it to a helper.
TEST_F(YaraTest, DamagedCompiledRulesHarmNobody) {
  write("a.yar", kMarks);
  const auto made = of_files({"a.yar"});
  std::string bytes(made->pieces[0]->bytes, '\0');
  ASSERT_GT(::pread(made->pieces[0]->file.get(), bytes.data(), bytes.size(), 0), 0);
  unsigned seed = 1;
  for (int round = 0; round < 40; ++round) {
    auto damaged = bytes;
    for (int i = 0; i < 8; ++i) {
      seed = seed * 1103515245 + 12345;
      damaged[(seed >> 8) % damaged.size()] = static_cast<char>(seed >> 4);
    }
    write("damaged.yarc", damaged);
    const auto set = of_files({"damaged.yarc"}, "damaged");
    if (set->compiled()) static_cast<void>(scan("MARK-ONE MARK-TWO", set));
  }
  EXPECT_EQ(scan("MARK-ONE", of_files({"a.yar"}))->matches, "marked");
}

TEST_F(YaraTest, HostileRules) {
  // Each would take for ever, or all memory, in a plain matcher.
  EXPECT_FALSE(of_text("rule a { strings: $a = /" + std::string(20'000, '(') + "/ condition: $a }")->compiled());
  const auto slow = of_text(
      "rule a { strings: $a = /(a*)*b/ $b = /a+a+a+a+a+c/ $c = /((((a{1,1000}){1,1000}){1,1000}){1,1000}){1,1000}d/ "
      "condition: any of them }");
  scans_.timeout = 1s;
  const auto report = scan(std::string(1 << 20, 'a'), slow);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->count, 0u);

  const auto loops =
      of_text("rule a { condition: for all i in (1..1000000) : (for all j in (1..1000000) : (i + j > 0)) }");
  const auto endless = scan("x", loops);
  ASSERT_TRUE(endless) << endless.error().text();
  EXPECT_FALSE(endless->scanned);
  EXPECT_EQ(endless->skipped, "took too long");

  std::string many;
  for (int i = 0; i < 20000; ++i) many += fmt::format("rule r{} {{ strings: $a = \"text{}\" condition: $a }}\n", i, i);
  const auto large = of_text(many);
  EXPECT_EQ(large->rules(), 20000u);
  EXPECT_EQ(scan("text777 ", large)->count, 3u) << "r7, r77 and r777";
}

TEST_F(YaraTest, TooManyPlacesAreCounted) {
  const auto set = of_text("rule a { strings: $a = \"a\" condition: $a }");
  const auto report = scan(std::string(200'000, 'a'), set);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->count, 1u);
  EXPECT_LT(report->strings.size(), 128u << 10);
  EXPECT_THAT(report->skipped, HasSubstr("places of strings are not listed"));
}

TEST_F(YaraTest, LargeFilesAreSkipped) {
  scans_.largest_file = 10;
  const auto report = scan("MARK-ONE MARK-TWO", of_text(kMarks));
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->scanned);
  EXPECT_EQ(report->skipped, "17 bytes are more than --read_max, 10");
  EXPECT_TRUE(scan_file(scans_, Root::host(), path("absent"), {}).error().absent());
  EXPECT_EQ(scan_file(scans_, Root::host(), "/dev/zero", {})->skipped, "is a device");
}

TEST_F(YaraTest, AnInterruptEndsAScan) {
  const auto loops =
      of_text("rule a { condition: for all i in (1..1000000000) : (for all j in (1..1000000000) : (i + j > 0)) }");
  write("scanned", "x");
  Interrupt interrupt;
  const YaraScans scans{.scanner = scanner_, .timeout = 30s, .interrupt = interrupt};
  std::jthread stopper([&] {
    std::this_thread::sleep_for(200ms);
    interrupt.request();
  });
  const std::array asked{AskedYaraSet{loops}};
  const auto report = scan_file(scans, Root::host(), path("scanned"), asked);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ECANCELED);
}

// A process with a text in its memory, put together there so that it is in no file; ends with the test.
class Subject {
 public:
  explicit Subject(std::string_view text) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      auto* memory = static_cast<char*>(
          ::mmap(nullptr, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
      for (std::size_t i = 0; i < text.size(); ++i) memory[(40 << 20) + i] = static_cast<char>(text[i] ^ 0x55);
      for (std::size_t i = 0; i < text.size(); ++i) memory[(40 << 20) + i] ^= 0x55;
      const auto* place = memory + (40 << 20);
      static_cast<void>(::write(ready[1], &place, sizeof place));
      for (;;) ::pause();
    }
    ::close(ready[1]);
    EXPECT_EQ(::read(ready[0], &place_, sizeof place_), static_cast<ssize_t>(sizeof place_));
    ::close(ready[0]);
  }
  ~Subject() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  std::uint64_t place() const { return place_; }

 private:
  pid_t pid_ = 0;
  std::uint64_t place_ = 0;
};

TEST_F(YaraTest, ProcessMemory) {
  const Subject subject("IN-MEMORY-ONLY");
  const auto set = of_text("rule hidden { strings: $a = \"IN-MEMORY\" nocase condition: $a and not defined filesize }");
  const std::array asked{AskedYaraSet{set}};
  const auto report = scan_process(scans_, subject.pid(), asked);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->matches, "hidden");
  EXPECT_THAT(report->strings, HasSubstr(fmt::format("$a:{:x}", subject.place())));
  // The subject is this program, whose shadow memory under the address sanitizer is terabytes.
#ifdef __has_feature
  constexpr bool kShadowed = __has_feature(address_sanitizer);
#else
  constexpr bool kShadowed = false;
#endif
  EXPECT_EQ(report->skipped.contains("beyond what is scanned"), kShadowed) << report->skipped;

  const auto memory = ProcessMemory::open(Root::host(), subject.pid(), Interrupt::never());
  ASSERT_TRUE(memory);
  EXPECT_LT(memory->bytes(), (kShadowed ? 1024u : 128u) << 20) << "what was reserved is not what is used";
  EXPECT_TRUE(memory->still_there());
}

TEST_F(YaraTest, ProcessesWithoutMemory) {
  const std::array asked{AskedYaraSet{of_text("rule a { condition: true }")}};
  EXPECT_TRUE(scan_process(scans_, 4'194'304, asked).error().absent());
  const auto kernel_thread = scan_process(scans_, 2, asked);
  EXPECT_TRUE(!kernel_thread || kernel_thread->scanned);
}

TEST(YaraMemory, ReadableMappings) {
  const auto mappings = readable_mappings(
      "1000-3000 r-xp 00000000 08:01 7 /usr/bin/a\n"
      "3000-4000 ---p 00000000 00:00 0 \n"
      "4000-5000 rw-p 00000000 00:00 0 [heap]\n"
      "5000-6000 rw-s 00000000 00:05 9 /dev/mem\n"
      "6000-7000 rw-s 00000000 00:05 9 /dev/shm/a\n"
      "100000000-200000000 r--s 00000000 08:01 7 /data\n"
      "7000-8000 r--p 00000000 00:00 0 [vvar]\n"
      "ffffffffff600000-ffffffffff601000 r-xp 00000000 00:00 0 [vsyscall]\n"
      "9000-8000 r--p 00000000 00:00 0 \n"
      "nonsense\n");
  ASSERT_EQ(mappings.size(), 4u);
  EXPECT_EQ(mappings[0].extent, (MemoryExtent{0x1000, 0x2000}));
  EXPECT_TRUE(mappings[0].whole);
  EXPECT_FALSE(mappings[1].whole) << "anonymous memory: what was touched";
  EXPECT_EQ(mappings[2].path, "/dev/shm/a");
  EXPECT_FALSE(mappings[3].whole) << "too large a file";
}

TEST(YaraMemory, TouchedPages) {
  constexpr auto kPresent = std::uint64_t{1} << 63;
  constexpr auto kSwapped = std::uint64_t{1} << 62;
  std::vector<MemoryExtent> extents;
  append_touched(std::array<std::uint64_t, 5>{kPresent, kSwapped | 5, 0, 1ULL << 61, kPresent}, 0x10000, 4096, extents);
  append_touched(std::array<std::uint64_t, 2>{kPresent, 0}, 0x15000, 4096, extents);
  EXPECT_THAT(extents, ElementsAre(MemoryExtent{0x10000, 0x2000}, MemoryExtent{0x14000, 0x2000}));
}

TEST(YaraAnswers, WhatNoRulesSayIsRefused) {
  YaraFinds finds{{{"rule_1", "$a:1f,$:0", "x,y"}, {"b", "", ""}}, 7};
  EXPECT_EQ(decode_yara_finds(encode_yara_finds(finds)), finds);
  for (const auto& bad : {YaraMatch{"a b", "", ""}, YaraMatch{"", "", ""}, YaraMatch{"a", "a:1", ""},
                          YaraMatch{"a", "$a:xyz", ""}, YaraMatch{"a", "$a:1", "a b"}, YaraMatch{"a\n", "", ""}})
    EXPECT_FALSE(decode_yara_finds(encode_yara_finds({{bad}, 0})));
  EXPECT_FALSE(decode_yara_finds(""));
  EXPECT_FALSE(decode_yara_finds("nonsense"));

  YaraCompilation made;
  made.outcome = YaraCompilation::Outcome::compiled;
  made.rules = 3;
  made.bytes = std::string("YARA\0x", 6);
  EXPECT_EQ(decode_yara_compilation(encode_yara_compilation(made))->bytes, made.bytes);
  made.outcome = YaraCompilation::Outcome::incomplete;
  made.missing = {std::string("a\0b", 3)};
  EXPECT_FALSE(decode_yara_compilation(encode_yara_compilation(made)));
  EXPECT_FALSE(decode_yara_compilation(""));
}

}  // namespace
}  // namespace osprey::linux
