// LOG-03, LOG-07: osquery's files, followed where others move them, rotated, and never with part of a line.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "agent/logging/sink_runner.h"
#include "agent/logging/sinks/log_rotation.h"
#include "agent/logging/sinks/sinks.h"
#include "base/temporary_tree.h"
#include "protocol/status_line.h"
#include "store/memory_store.h"
#include "store/rocksdb_store.h"

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::StartsWith;
using testing::UnorderedElementsAre;

LogDelivery delivery(std::string text, LineKind kind = LineKind::result) {
  const auto lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n'));
  return {{0}, {.kind = kind, .query = "q", .text = std::move(text), .lines = lines}};
}
LogDelivery part(std::string text, bool continues, bool goes_on) {
  auto one = delivery(std::move(text));
  one.record.continues = continues;
  one.record.goes_on = goes_on;
  return one;
}
LogDelivery status_delivery(protocol::Severity severity, std::string message) {
  return {{0},
          {.kind = LineKind::status,
           .query = {},
           .text = protocol::encode({severity, 1'772'719'445'000'000, 42, "a.cpp", 7, std::move(message)}),
           .lines = 1}};
}

class FilesystemSinkTest : public TemporaryTree {
 protected:
  FilesystemSinkTest() {
    quiet.set_levels({.to_stderr = false});
    program.name = "osqueryd";
    program.osquery_compatible = true;
    set("logger_path", top.string());
    set("free_space_floor_mb", "0");
  }

  template <std::size_t N>
  void set(const char (&name)[N], std::string_view value) {
    ASSERT_TRUE(configuration.flags.set(*find_flag(name), value));
  }
  std::unique_ptr<Sink> make(std::string_view mark = {}) {
    auto sink = filesystem_sink({program, quiet, losses, [] { return std::string(); }});
    sink->resume(mark);
    EXPECT_TRUE(sink->configure(configuration));
    return sink;
  }
  // Delivers as a runner does: what was not taken without an error is offered again.
  static std::optional<Error> deliver(Sink& sink, std::vector<LogDelivery> records) {
    std::span<const LogDelivery> rest(records);
    for (int tries = 0; !rest.empty() && tries < 100; ++tries) {
      const auto [taken, error] = sink.deliver(rest, Interrupt::never());
      if (error) return error;
      rest = rest.subspan(taken);
    }
    EXPECT_TRUE(rest.empty());
    return std::nullopt;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(top / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string read_packed(const std::string& name) const {
    const auto packed = read(name);
    std::string text(64 << 20, '\0');
    std::size_t size = 0;
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer out{text.data(), text.size(), 0};
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
    while (in.pos < in.size) {
      size = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(size)) return "damaged";
    }
    return text.substr(0, out.pos);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(top)) all.push_back(entry.path().filename());
    return all;
  }
  mode_t mode_of(const std::string& name) const {
    struct ::stat status{};
    EXPECT_EQ(::stat((top / name).c_str(), &status), 0);
    return status.st_mode & 07777;
  }

  Program program;
  StatusLog quiet;
  std::unique_ptr<store::Store> store = store::memory_store();
  Losses losses{*store};
  Configuration configuration;
};

TEST_F(FilesystemSinkTest, ResultsFileIsThereFromTheStartSnapshotsFromTheFirst) {
  const auto sink = make();
  EXPECT_THAT(names(), ElementsAre("osqueryd.results.log"));
  EXPECT_EQ(mode_of("osqueryd.results.log"), 0640U);
  EXPECT_EQ(deliver(*sink, {delivery("one\ntwo\n"), delivery("snap\n", LineKind::snapshot), delivery("three\n")}),
            std::nullopt);
  EXPECT_EQ(read("osqueryd.results.log"), "one\ntwo\nthree\n");
  EXPECT_EQ(read("osqueryd.snapshots.log"), "snap\n");
  EXPECT_EQ(mode_of("osqueryd.snapshots.log"), 0640U);
  EXPECT_EQ(sink->target(), top.string());
}

TEST_F(FilesystemSinkTest, UnderOurOwnNameFilesHaveIt) {
  program.osquery_compatible = false;
  program.name = "ospreyd";
  make();
  EXPECT_THAT(names(), ElementsAre("ospreyd.results.log"));
}

TEST_F(FilesystemSinkTest, TheModeIsForcedOnExistingFiles) {
  write("osqueryd.results.log", "of before\n");
  set("logger_mode", "0600");
  const auto sink = make();
  EXPECT_EQ(deliver(*sink, {delivery("one\n")}), std::nullopt);
  EXPECT_EQ(mode_of("osqueryd.results.log"), 0600U);
  EXPECT_EQ(read("osqueryd.results.log"), "of before\none\n");
}

TEST_F(FilesystemSinkTest, ModesAreOctal) {
  EXPECT_EQ(parse_mode("0640"), 0640U);
  EXPECT_EQ(parse_mode("600"), 0600U);
  for (const auto* const bad : {"abc", "", "0o640", "08", "77777"}) EXPECT_EQ(parse_mode(bad), std::nullopt) << bad;
}

TEST_F(FilesystemSinkTest, AFileThatWasMovedOrRemovedIsMadeAnew) {
  const auto sink = make();
  EXPECT_EQ(deliver(*sink, {delivery("one\n")}), std::nullopt);
  std::filesystem::rename(top / "osqueryd.results.log", top / "moved");
  EXPECT_EQ(deliver(*sink, {delivery("two\n")}), std::nullopt);
  EXPECT_EQ(read("moved"), "one\n");
  EXPECT_EQ(read("osqueryd.results.log"), "two\n");
  std::filesystem::remove(top / "osqueryd.results.log");
  EXPECT_EQ(deliver(*sink, {delivery("three\n")}), std::nullopt);
  EXPECT_EQ(read("osqueryd.results.log"), "three\n");
  // copytruncate
  std::filesystem::resize_file(top / "osqueryd.results.log", 0);
  EXPECT_EQ(deliver(*sink, {delivery("four\n")}), std::nullopt);
  EXPECT_EQ(read("osqueryd.results.log"), "four\n");
}

TEST_F(FilesystemSinkTest, ALineInPartsStaysInOneFile) {
  const auto sink = make();
  EXPECT_EQ(deliver(*sink, {part("one ", false, true), part("line ", true, true)}), std::nullopt);
  std::filesystem::rename(top / "osqueryd.results.log", top / "moved");
  EXPECT_EQ(deliver(*sink, {part("in parts\n", true, false), delivery("next\n")}), std::nullopt);
  EXPECT_EQ(read("moved"), "one line in parts\nnext\n");
  EXPECT_EQ(deliver(*sink, {delivery("last\n")}), std::nullopt);
  EXPECT_EQ(read("osqueryd.results.log"), "last\n");
}

TEST_F(FilesystemSinkTest, ALineWhoseRestWasShedIsTakenBack) {
  auto sink = make();
  EXPECT_EQ(deliver(*sink, {delivery("one\n"), part("half a ", false, true)}), std::nullopt);
  EXPECT_EQ(deliver(*sink, {delivery("two\n")}), std::nullopt);
  EXPECT_EQ(read("osqueryd.results.log"), "one\ntwo\n");
  // And after a restart.
  EXPECT_EQ(deliver(*sink, {part("half a ", false, true)}), std::nullopt);
  sink = make(sink->mark());
  EXPECT_EQ(deliver(*sink, {delivery("three\n")}), std::nullopt);
  EXPECT_EQ(read("osqueryd.results.log"), "one\ntwo\nthree\n");
}

TEST_F(FilesystemSinkTest, TheRestOfALineWhoseBeginningIsGoneIsLeftOutAndCounted) {
  auto sink = make();
  EXPECT_EQ(deliver(*sink, {part("half a ", false, true)}), std::nullopt);
  const auto mark = sink->mark();
  sink.reset();
  std::filesystem::remove(top / "osqueryd.results.log");
  write("osqueryd.results.log", "another's\n");
  sink = make(mark);
  EXPECT_EQ(deliver(*sink, {part("line, ", true, true), part("its end\nnext\n", true, false)}), std::nullopt);
  EXPECT_EQ(read("osqueryd.results.log"), "another's\nnext\n");
  ASSERT_EQ(losses.list().size(), 1U);
  EXPECT_EQ(losses.list()[0].lost, 1U);
}

TEST_F(FilesystemSinkTest, WhatADeathLeftUnacknowledgedIsCutBackAndOnlyThat) {
  auto sink = make();
  EXPECT_EQ(deliver(*sink, {delivery("acknowledged\n")}), std::nullopt);
  const auto mark = sink->mark();
  for (const std::string_view torn : {"fir", "first\nsec", "first\nsecond\n"}) {
    sink = make(mark);
    std::ofstream(top / "osqueryd.results.log", std::ios::app) << torn;
    EXPECT_EQ(deliver(*sink, {delivery("first\n"), delivery("second\n")}), std::nullopt);
    EXPECT_EQ(read("osqueryd.results.log"), "acknowledged\nfirst\nsecond\n") << torn;
    std::filesystem::resize_file(top / "osqueryd.results.log", std::string_view("acknowledged\n").size());
  }
  // Not ours: stays, and gets the line end that it lacks.
  sink = make(mark);
  std::ofstream(top / "osqueryd.results.log", std::ios::app) << "somebody else";
  EXPECT_EQ(deliver(*sink, {delivery("first\n")}), std::nullopt);
  EXPECT_EQ(read("osqueryd.results.log"), "acknowledged\nsomebody else\nfirst\n");
}

TEST_F(FilesystemSinkTest, NothingIsWrittenBeforeTheMarkIsStored) {
  const auto sink = make();
  const std::vector<LogDelivery> records{delivery("one\n")};
  EXPECT_EQ(sink->deliver(records, Interrupt::never()).records, 0U);
  EXPECT_EQ(read("osqueryd.results.log"), "");
  EXPECT_EQ(sink->deliver(records, Interrupt::never()).records, 1U);
}

TEST_F(FilesystemSinkTest, AnotherWriterDoesNotKeepUsFromWriting) {
  const auto sink = make();
  const std::vector<LogDelivery> records{delivery("ours\n")};
  std::size_t taken = 0;
  for (int i = 0; i < 10 && taken == 0; ++i) {
    std::ofstream(top / "osqueryd.results.log", std::ios::app) << "theirs\n";
    taken = sink->deliver(records, Interrupt::never()).records;
  }
  EXPECT_EQ(taken, 1U);
  EXPECT_THAT(read("osqueryd.results.log"), testing::EndsWith("theirs\nours\n"));
}

TEST_F(FilesystemSinkTest, WhatIsNoRegularFileIsRefused) {
  ASSERT_EQ(::mkfifo((top / "osqueryd.results.log").c_str(), 0600), 0);
  const auto sink = filesystem_sink({program, quiet, losses, [] { return std::string(); }});
  const auto configured = sink->configure(configuration);
  ASSERT_FALSE(configured);
  EXPECT_THAT(configured.error().text(), HasSubstr("not a regular file"));
}

TEST_F(FilesystemSinkTest, BelowTheFloorOfFreeSpaceNothingIsWritten) {
  const auto sink = make();
  set("free_space_floor_mb", "1000000000");
  EXPECT_TRUE(sink->configure(configuration));
  const auto error = deliver(*sink, {delivery("one\n")});
  ASSERT_TRUE(error);
  EXPECT_THAT(error->text(), HasSubstr("free_space_floor_mb"));
  EXPECT_EQ(read("osqueryd.results.log"), "");
}

// ---- status

TEST_F(FilesystemSinkTest, StatusLinesGoToTheFilesOfTheirLevelAndBelow) {
  const auto sink = make();
  EXPECT_EQ(deliver(*sink, {status_delivery(protocol::Severity::info, "i")}), std::nullopt);
  EXPECT_EQ(deliver(*sink, {status_delivery(protocol::Severity::error, "e")}), std::nullopt);
  EXPECT_EQ(deliver(*sink, {status_delivery(protocol::Severity::warning, "w")}), std::nullopt);
  const auto link = std::filesystem::read_symlink(top / "osqueryd.INFO").string();
  EXPECT_THAT(link, MatchesRegex("osqueryd\\.INFO\\.[0-9]{8}-[0-9]{6}\\." + std::to_string(::getpid())));
  const auto info = read("osqueryd.INFO");
  EXPECT_THAT(info, MatchesRegex("Log file created at: ..../../.. ..:..:..\nRunning on machine: [^\n]+\n"
                                 "Running duration \\(h:mm:ss\\): [0-9]+:..:..\n"
                                 "Log line format: \\[IWEF\\]yyyymmdd hh:mm:ss.uuuuuu threadid file:line\\] msg\n"
                                 "I.* a.cpp:7\\] i\nE.* a.cpp:7\\] e\nW.* a.cpp:7\\] w\n"));
  EXPECT_THAT(read("osqueryd.WARNING"), HasSubstr("] e\nW"));
  EXPECT_THAT(read("osqueryd.WARNING"), testing::Not(HasSubstr("] i\n")));
  EXPECT_THAT(read("osqueryd.ERROR"), testing::EndsWith("a.cpp:7] e\n"));
  EXPECT_EQ(mode_of("osqueryd.ERROR"), 0644U);
}

TEST_F(FilesystemSinkTest, OldStatusFilesAreRemoved) {
  set("logger_rotate_max_files", "3");
  for (int i = 0; i < 5; ++i) write(fmt::format("osqueryd.INFO.2020010{}-000000.1", i + 1), "old");
  write("osqueryd.INFORMATION", "another's");
  const auto sink = make();
  EXPECT_EQ(deliver(*sink, {status_delivery(protocol::Severity::info, "i")}), std::nullopt);
  EXPECT_THAT(names(), UnorderedElementsAre("osqueryd.results.log", "osqueryd.INFO", "osqueryd.INFORMATION",
                                            std::filesystem::read_symlink(top / "osqueryd.INFO").string(),
                                            "osqueryd.INFO.20200104-000000.1", "osqueryd.INFO.20200105-000000.1"));
}

// ---- rotation

TEST_F(FilesystemSinkTest, RotatesBySizeAndKeepsSoManyFiles) {
  set("logger_rotate", "true");
  set("logger_rotate_size", "10");
  set("logger_rotate_max_files", "3");
  const auto sink = make();
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(deliver(*sink, {delivery(fmt::format("line {:02}\n", i))}), std::nullopt);
    // Compressing does not hold up lines; here it is waited for, so that every second line rotates.
    for (int wait = 0; wait < 1000 && std::filesystem::exists(top / "osqueryd.results.log.2"); ++wait)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_THAT(names(), UnorderedElementsAre("osqueryd.results.log", "osqueryd.results.log.1",
                                            "osqueryd.results.log.2.zst", "osqueryd.results.log.3.zst"));
  const auto all = read_packed("osqueryd.results.log.3.zst") + read_packed("osqueryd.results.log.2.zst") +
                   read("osqueryd.results.log.1") + read("osqueryd.results.log");
  EXPECT_THAT(all, MatchesRegex("(line ..\n)+"));
  EXPECT_THAT(all, testing::EndsWith("line 56\nline 57\nline 58\nline 59\n"));
}

TEST_F(FilesystemSinkTest, ADeathWithinARotationNeitherLosesNorDoublesLines) {
  // Every state that a death between two steps can leave; the numbers are the age of the lines.
  const std::vector<std::vector<std::pair<std::string, std::string>>> states{
      {{"", "5\n"}, {".1", "4\n"}, {".3.zst", "2\n"}, {".4.zst", "1\n"}},    // the shift has left a gap
      {{"", "5\n"}, {".2", "4\n"}, {".3.zst", "2\n"}, {".4.zst", "1\n"}},    // .1 has moved
      {{".1", "5\n"}, {".2", "4\n"}, {".3.zst", "2\n"}, {".4.zst", "1\n"}},  // the log has moved
      {{".1", "5\n"}, {".2", "4\n"}, {".2.zst.part", "torn"}, {".3.zst", "2\n"}, {".4.zst", "1\n"}},
      {{".1", "5\n"}, {".2", "4\n"}, {".2.zst", "4\n"}, {".3.zst", "2\n"}, {".4.zst", "1\n"}},  // .2 is still there
  };
  for (const auto& state : states) {
    std::filesystem::remove_all(top);
    std::filesystem::create_directory(top);
    for (const auto& [suffix, text] : state) {
      std::string packed(ZSTD_compressBound(text.size()), '\0');
      if (suffix.ends_with(".zst"))
        packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 1));
      write("log" + suffix, suffix.ends_with(".zst") ? packed : text);
    }
    if (!std::filesystem::exists(top / "log")) write("log", "");
    {
      LogRotation rotation(top / "log", quiet);
      rotation.recover();
      bool rotated = false;
      for (int tries = 0; tries < 1000 && !rotated; ++tries) {
        rotated = *rotation.rotate(10);
        if (!rotated) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      ASSERT_TRUE(rotated);
      for (int wait = 0; wait < 1000 && std::filesystem::exists(top / "log.2"); ++wait)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::string all;
    for (int number = 9; number > 1; --number) all += read_packed(fmt::format("log.{}.zst", number));
    all += read("log.1");
    EXPECT_EQ(all, "1\n2\n4\n5\n");
  }
}

TEST_F(FilesystemSinkTest, AllLogFilesTogetherStayUnderTheirCap) {
  set("logger_max_mb", "1");
  set("logger_rotate_max_files", "1000");
  const auto sink = make();
  std::minstd_rand random(1);
  for (int i = 0; i < 100; ++i) {
    std::string noise;
    while (noise.size() < (64 << 10)) noise += static_cast<char>('!' + random() % 90);
    EXPECT_EQ(deliver(*sink, {delivery(noise + "\n", i % 2 ? LineKind::result : LineKind::snapshot)}), std::nullopt);
    std::uintmax_t total = 0;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(top))
      if (const auto size = entry.file_size(gone); !gone) total += size;
    EXPECT_LT(total, 2U << 20);  // with what is being compressed, which at this pace is much
  }
  EXPECT_TRUE(std::filesystem::exists(top / "osqueryd.results.log.1"));
}

// ---- together with the buffer and a runner

struct Agent {
  Agent(const std::filesystem::path& log, std::shared_ptr<store::Store> on, StatusLog& status) : store(std::move(on)) {
    program.osquery_compatible = true;
    auto made = std::make_shared<Configuration>();
    made->flags.set("logger_path", log.string());
    made->flags.set("free_space_floor_mb", "0");
    configuration = made;
    buffer = *open_log_buffer(*store, losses, status, {});
    runners.emplace(*buffer, SinkParts{program, status, losses, [] { return std::string(); }},
                    SinkRunners::Delays{std::chrono::milliseconds(5), std::chrono::milliseconds(20)});
    EXPECT_TRUE(runners->start(configuration));
  }
  void commit(std::string text) {
    auto lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n'));
    EXPECT_TRUE(
        buffer->commit({}, {{.kind = LineKind::result, .query = "q", .text = std::move(text), .lines = lines}}));
  }
  void drain() const {
    for (int i = 0; i < 4000 && buffer->backlog("filesystem").records > 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(buffer->backlog("filesystem").records, 0U);
  }

  std::shared_ptr<store::Store> store;
  Losses losses{*store};
  Program program;
  ConfigurationPtr configuration;
  std::unique_ptr<LogBuffer> buffer;
  std::optional<SinkRunners> runners;
};

TEST_F(FilesystemSinkTest, AMillionLinesArriveOnceAndInOrder) {
  {
    Agent agent(top, store::memory_store(), quiet);
    for (int i = 0; i < 1'000'000; i += 200) {
      std::string text;
      for (int line = i; line < i + 200; ++line) text += fmt::format("{{\"line\":{}}}\n", line);
      agent.commit(std::move(text));
    }
    agent.drain();
  }
  std::ifstream file(top / "osqueryd.results.log");
  int next = 0;
  for (std::string line; std::getline(file, line); ++next) ASSERT_EQ(line, fmt::format("{{\"line\":{}}}", next));
  EXPECT_EQ(next, 1'000'000);
}

TEST_F(FilesystemSinkTest, ExternalRotationUnderLoadLosesNothing) {
  constexpr int kLines = 20'000;
  {
    Agent agent(top, store::memory_store(), quiet);
    for (int i = 0; i < kLines; ++i) {
      agent.commit(fmt::format("{}\n", i));
      if (i % 1000 != 999) continue;
      // The file is made anew with the next line.
      for (int wait = 0; wait < 4000 && !std::filesystem::exists(top / "osqueryd.results.log"); ++wait)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::filesystem::rename(top / "osqueryd.results.log", top / fmt::format("moved.{:02}", i / 1000));
      agent.commit("");
    }
    agent.drain();
  }
  std::string all;
  for (int i = 0; i < kLines / 1000; ++i) all += read(fmt::format("moved.{:02}", i));
  all += read("osqueryd.results.log");
  std::string expected;
  for (int i = 0; i < kLines; ++i) expected += fmt::format("{}\n", i);
  EXPECT_EQ(all.size(), expected.size());
  EXPECT_TRUE(all == expected);
}

// ---- deaths and full disks

constexpr const char* kChildFolder = "OSPREY_FILESYSTEM_SINK_CHILD";

std::uint64_t committed_lines(const store::Store& store) {
  const auto count = *store.get(store::Family::queries, "count");
  return count ? std::stoull(*count) : 0;
}

// Runs in a process of its own, until it is killed: commits numbered lines, short and long ones, and how many there are
// in the same batch.
TEST(FilesystemSinkChild, DISABLED_CommitsUntilItIsKilled) {
  const auto* const folder = std::getenv(kChildFolder);
  if (!folder) GTEST_SKIP();
  const std::filesystem::path top(folder);
  StatusLog quiet;
  quiet.set_levels({.to_stderr = false});
  auto opened = store::open_rocksdb({.directory = top / "store"});
  ASSERT_TRUE(opened) << opened.error().text();
  Agent agent(top / "log", std::move(opened->store), quiet);
  for (auto count = committed_lines(*agent.store);; ++count) {
    store::Batch state;
    state.put(store::Family::queries, "count", std::to_string(count + 1));
    std::vector<LineRecord> records;
    const auto text = fmt::format("{{\"line\":{},{}}}\n", count, std::string(count % 50 == 0 ? 100'000 : 200, 'x'));
    for (std::size_t at = 0; at < text.size(); at += 30'000) {
      records.push_back(delivery(text.substr(at, 30'000)).record);
      records.back().continues = at > 0;
      records.back().goes_on = at + 30'000 < text.size();
    }
    ASSERT_TRUE(agent.buffer->commit(std::move(state), std::move(records)));
  }
}

TEST_F(FilesystemSinkTest, TwentyKillsLoseNoLineAndTearNone) {
  std::filesystem::create_directory(top / "log");
  ASSERT_EQ(::setenv(kChildFolder, top.c_str(), 1), 0);
  std::minstd_rand random(static_cast<unsigned>(::getpid()));
  const auto written = [&] {
    std::error_code none;
    const auto size = std::filesystem::file_size(top / "log" / "osqueryd.results.log", none);
    return none ? 0 : size;
  };
  for (int round = 0; round < 20; ++round) {
    const auto before = written();
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      ::dup2(null, STDOUT_FILENO);
      ::execl("/proc/self/exe", "agent_test", "--gtest_also_run_disabled_tests", "--gtest_filter=FilesystemSinkChild.*",
              nullptr);
      ::_exit(127);
    }
    // Every other one is at work by then, however busy the machine is.
    for (int i = 0; i < 6000 && round % 2 == 0 && written() == before; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(60 + random() % 200));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
  }
  std::uint64_t count = 0;
  {
    auto opened = store::open_rocksdb({.directory = top / "store"});
    ASSERT_TRUE(opened) << opened.error().text();
    Agent agent(top / "log", std::move(opened->store), quiet);
    count = committed_lines(*agent.store);
    agent.commit("end\n");
    agent.drain();
    EXPECT_THAT(agent.losses.list(), IsEmpty());
  }
  ASSERT_GT(count, 0U);
  std::ifstream file(top / "log" / "osqueryd.results.log");
  std::uint64_t next = 0;
  std::uint64_t repeated = 0;
  for (std::string line; std::getline(file, line) && line != "end";) {
    ASSERT_THAT(line, StartsWith("{\"line\":"));
    ASSERT_TRUE(line.ends_with("x}")) << line;
    const auto number = std::stoull(line.substr(8));
    ASSERT_LE(number, next) << "a line is missing";
    ASSERT_EQ(line.size(), fmt::format("{{\"line\":{},}}", number).size() + (number % 50 == 0 ? 100'000 : 200));
    number == next ? ++next : ++repeated;
  }
  EXPECT_EQ(next, count);
  EXPECT_EQ(repeated, 0U);
  RecordProperty("lines", std::to_string(count));
}

// In a child with mounts of its own; what it returns is its exit code.
constexpr int kNoMounts = 77;
int fill_a_small_disk(const std::filesystem::path& top, StatusLog& status) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("small", top.c_str(), "tmpfs", 0, "size=512k") != 0)
    return kNoMounts;
  constexpr int kLines = 2000;  // of 501 bytes: twice what fits
  const auto line = [](int i) { return fmt::format("{:0500}\n", i); };
  Agent agent(top, store::memory_store(), status);
  for (int i = 0; i < kLines; ++i) agent.commit(line(i));
  const auto failing = [&] { return agent.runners->list().at(0).failures; };
  for (int i = 0; i < 4000 && failing() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (failing() == 0) return 1;
  // What is there are whole lines, in order, and nothing is lost.
  const auto check = [&](const std::string& all, int first) {
    for (std::size_t at = 0; at < all.size(); at += 501, ++first)
      if (all.substr(at, 501) != line(first)) return -1;
    return first;
  };
  const auto read = [&](const char* name) {
    std::ifstream file(top / name, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  // While it tries again part of a line is there, until that is taken back.
  int stuck = -1;
  for (int i = 0; i < 1000 && stuck <= 0; ++i) {
    stuck = check(read("osqueryd.results.log"), 0);
    if (stuck <= 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (stuck <= 0 || stuck == kLines) return 2;
  if (::mount(nullptr, top.c_str(), nullptr, MS_REMOUNT, "size=4m") != 0) return kNoMounts;
  agent.drain();
  if (check(read("osqueryd.results.log"), 0) != kLines) return 3;
  return agent.losses.list().empty() ? 0 : 4;
}

TEST_F(FilesystemSinkTest, AFullDiskIsWaitedForAndNothingIsLost) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(fill_a_small_disk(top, quiet));
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNoMounts) GTEST_SKIP() << "no right to mount";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(FilesystemSinkTest, WhatAFailedWriteHasWrittenIsTakenBack) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const ::rlimit little{.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &little);
    const auto sink = make();
    const bool first = !deliver(*sink, {delivery(std::string(700, 'a') + '\n')});
    const bool second = !deliver(*sink, {delivery(std::string(700, 'b') + '\n')});
    const bool clean = read("osqueryd.results.log") == std::string(700, 'a') + '\n';
    const ::rlimit much{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &much);
    const bool again = !deliver(*sink, {delivery("c\n")});
    const bool whole = read("osqueryd.results.log") == std::string(700, 'a') + "\nc\n";
    ::_exit(first && !second && clean && again && whole ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace osprey::agent
