#include "events/capture/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <future>

#include "base/clock_reading.h"
#include "base/temporary_tree.h"
#include "events/journal/record.h"

namespace osprey::events {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Clock = std::chrono::steady_clock;

Kinds kinds(std::initializer_list<std::size_t> set) {
  Kinds kinds;
  for (const auto kind : set) kinds.set(kind);
  return kinds;
}

// What a source is to tell, and what it was asked; shared with the test's thread.
struct Script {
  std::mutex mutex;
  Kinds offers, adds;
  std::optional<Error> refuses, fails;
  std::vector<std::string> executed;       // programs, not told yet
  std::vector<SyslogEvent> lines;          // likewise
  std::vector<UserEvent> records;          // likewise
  std::vector<KernelModuleEvent> modules;  // likewise
  std::string_view system_call;            // by which
  Actor actor;                             // who
  FileState file;                          // what a program is
  std::uint64_t moment = 0;                // when
  std::vector<Demand> opened;
  std::size_t closed = 0;
  SourceCounts counts;
  std::atomic<int> asked = 0;  // for what it offers
};

class ScriptedSource final : public Source {
 public:
  ScriptedSource(Origin origin, Script& script) : origin_(origin), script_(script) {}

  Origin origin() const noexcept override { return origin_; }
  Kinds offers() const override {
    ++script_.asked;
    return script_.offers;
  }
  Kinds adds() const override { return script_.adds; }
  Result<void> open(const Demand& demand) override {
    const std::lock_guard lock(script_.mutex);
    if (script_.refuses) return std::unexpected(*script_.refuses);
    script_.opened.push_back(demand);
    return {};
  }
  int descriptor() const noexcept override { return -1; }
  Result<bool> next(EventSink& sink, std::size_t most) override {
    const std::lock_guard lock(script_.mutex);
    if (script_.fails) return std::unexpected(*std::exchange(script_.fails, std::nullopt));
    for (auto& line : std::exchange(script_.lines, {})) tell(sink, line);
    for (auto& record : std::exchange(script_.records, {})) tell(sink, record);
    for (auto& module : std::exchange(script_.modules, {})) tell(sink, module);
    std::size_t given = 0;
    for (; given < std::min(most, script_.executed.size()); ++given) {
      ProcessEvent event;
      event.filename = script_.executed[given];
      event.syscall = script_.system_call;
      event.actor = script_.actor;
      event.header.moment = script_.moment;
      event.executable = script_.file;
      tell(sink, event);
    }
    script_.executed.erase(script_.executed.begin(), script_.executed.begin() + static_cast<std::ptrdiff_t>(given));
    return !script_.executed.empty();
  }
  SourceCounts counts() const override {
    const std::lock_guard lock(script_.mutex);
    return script_.counts;
  }
  void close() noexcept override {
    const std::lock_guard lock(script_.mutex);
    ++script_.closed;
  }

 private:
  template <class Event>
  void tell(EventSink& sink, Event& event) {
    sink.take(&event);
    ++script_.counts.kept;
  }

  const Origin origin_;
  Script& script_;
};

class CaptureTest : public TemporaryTree {
 protected:
  CaptureTest() {
    open_journal();
    best_.offers = kinds({kKind<ProcessEvent>, kKind<SocketEvent>});
    other_.offers = kinds({kKind<ProcessEvent>, kKind<UserEvent>});
  }

  void open_journal() {
    journal_.reset();
    store_.reset();
    std::vector<store::FifoFamily> families;
    for (const auto family : kFamilies) families.push_back({std::string(family), 1 << 20});
    auto opened = store::open_fifo({top / "journal", families});
    EXPECT_TRUE(opened) << opened.error().text();
    store_ = std::move(opened->store);
    journal_.emplace(*store_, std::vector<std::string>(kFamilies.begin(), kFamilies.end()));
  }
  void start() { start(*journal_); }
  void start(Journal& journal) {
    CaptureParts parts{.journal = journal};
    parts.sources.push_back(std::make_unique<ScriptedSource>(Origin::bpf, best_));
    parts.sources.push_back(std::make_unique<ScriptedSource>(Origin::audit, other_));
    parts.warn = [this](const auto& text) { warnings_.push_back(text); };
    parts.lost = [this](auto who, const auto& drop) {
      lost_.push_back(std::string(who) + " " + drop.reason + " " + std::to_string(drop.count));
    };
    parts.committed = [this] { in_time_ &= journaled().size() == told(best_) + told(other_); };
    parts.halt = [this] { return halt_.load(); };
    parts.halted = [this] { ++halted_; };
    parts.retry = std::chrono::seconds(0);
    parts.hashing = hashing_;
    capture_.emplace(std::move(parts));
  }
  void demand(Kinds wanted) {
    capture_->demand({.kinds = wanted, .environment = {}, .watched = {}});
    capture_->flush();
  }
  static std::size_t told(Script& script) {
    const std::lock_guard lock(script.mutex);
    return script.counts.kept;
  }
  void execute(Script& script, const std::string& program, std::size_t times = 1) {
    const std::lock_guard lock(script.mutex);
    script.executed.insert(script.executed.end(), times, program);
  }
  // A user's process runs a program, and another as root without a file that would make it so.
  void become_root(int pid) {
    for (const std::uint32_t user : {1000U, 0U}) {
      {
        const std::lock_guard lock(best_.mutex);
        best_.actor.process = {.pid = pid, .start = 1};
        best_.system_call = "execve";
        best_.file.mode = 0100755;
        auto& ids = best_.actor.ids;
        ids.uid = ids.euid = ids.suid = user;
      }
      execute(best_, "a");
      capture_->flush();
    }
  }
  std::vector<std::string> journaled() const {
    std::vector<std::string> programs;
    auto cursor = journal_->read(*journal_->family("process"));
    for (; cursor.valid(); cursor.next()) {
      const auto event = decode<ProcessEvent>(cursor.record());
      programs.push_back(std::string(name_of(event->header.origin)) + " " + std::string(event->filename));
    }
    return programs;
  }

  // A module is loaded from a file that is being read until `goes_on`.
  void load_module(std::shared_future<void> goes_on) {
    write("a.ko",
          "\x7f"
          "ELF");
    auto reads = std::make_shared<std::promise<void>>();
    auto hashing = FileHasher::of_code(false);
    hashing.root = root();
    hashing.patience = 1h;
    hashing.digest = [reads, goes_on](int, std::string_view) -> Result<linux::Digests> {
      reads->set_value();
      goes_on.wait();
      linux::Digests digests;
      digests[linux::DigestKind::sha256] = "digest";
      return digests;
    };
    hashing_.push_back(std::move(hashing));
    best_.offers = kinds({kKind<ProcessEvent>, kKind<KernelModuleEvent>});
    start();
    demand(best_.offers);
    {
      const std::lock_guard lock(best_.mutex);
      auto& event = best_.modules.emplace_back();
      event.action = "load";
      event.path = "/a.ko";
    }
    reads->get_future().wait();
  }
  std::vector<std::string> modules() const {
    std::vector<std::string> rows;
    auto cursor = journal_->read(*journal_->family("kernel_module"));
    for (; cursor.valid(); cursor.next()) {
      const auto event = decode<KernelModuleEvent>(cursor.record());
      rows.push_back(std::string(event->path) + " " + std::string(event->sha256) +
                     (event->is_signed ? *event->is_signed ? " signed" : " not signed" : ""));
    }
    return rows;
  }

  std::unique_ptr<store::FifoStore> store_;
  std::optional<Journal> journal_;
  Script best_, other_;
  std::vector<FileHasher::Options> hashing_;
  std::vector<std::string> warnings_, lost_;
  std::atomic<bool> halt_ = false;
  std::atomic<int> halted_ = 0;
  bool in_time_ = true;  // whenever it was said that all is in the journal it was
  std::optional<Capture> capture_;
};

TEST_F(CaptureTest, AKindIsAskedOfTheBestSourceOnly) {
  start();
  demand(kinds({kKind<ProcessEvent>, kKind<UserEvent>}));
  execute(best_, "a");
  capture_->flush();
  EXPECT_THAT(journaled(), ElementsAre("bpf a"));
  EXPECT_TRUE(in_time_);
  EXPECT_EQ(best_.opened.at(0).kinds, kinds({kKind<ProcessEvent>}));
  EXPECT_EQ(other_.opened.at(0).kinds, kinds({kKind<UserEvent>}));
  EXPECT_EQ(capture_->journaled()[kKind<ProcessEvent>], 1);
}

// EVT-19
TEST_F(CaptureTest, AModulesFileIsReadBeside) {
  std::promise<void> goes_on;
  load_module(goes_on.get_future().share());
  execute(best_, "a");
  capture_->flush();
  EXPECT_THAT(journaled(), ElementsAre("bpf a"));
  EXPECT_THAT(modules(), IsEmpty());
  goes_on.set_value();
  while (modules().empty()) capture_->flush();
  EXPECT_THAT(modules(), ElementsAre("/a.ko digest not signed"));
  EXPECT_THAT(capture_->sources().at(0).counts.partial, IsEmpty());
}

TEST_F(CaptureTest, AFileThatHangsDoesNotHoldUpTheEnd) {
  std::promise<void> goes_on;
  load_module(goes_on.get_future().share());
  capture_->stop();
  EXPECT_THAT(modules(), ElementsAre("/a.ko "));
  const auto partial = capture_->sources().at(0).counts.partial;
  ASSERT_EQ(partial.size(), 1U);
  EXPECT_EQ(partial[0].stage + ": " + partial[0].reason, "digests: too late");
  EXPECT_EQ(partial[0].count, 1U);
  goes_on.set_value();
}

// EVT-42: the log is asked, and audit only where it runs anyhow.
TEST_F(CaptureTest, LogInsAreReadFromTheLogAndFromAuditThatRuns) {
  best_.offers = kinds({kKind<SyslogEvent>});
  other_.offers = kinds({kKind<UserEvent>, kKind<SeccompEvent>});
  start();
  demand(kinds({kKind<AuthenticationEvent>}));
  EXPECT_EQ(best_.opened.at(0).kinds, kinds({kKind<SyslogEvent>}));
  EXPECT_TRUE(other_.opened.empty());
  demand(kinds({kKind<AuthenticationEvent>, kKind<SeccompEvent>}));
  EXPECT_EQ(other_.opened.at(0).kinds, kinds({kKind<UserEvent>, kKind<SeccompEvent>}));
  EXPECT_EQ(capture_->sources().at(0).kinds, kinds({kKind<AuthenticationEvent>}));
  EXPECT_EQ(best_.closed, 0U);
  EXPECT_TRUE(warnings_.empty());
}

// EVT-15: a log-in that both tell is a row, and counts as one.
TEST_F(CaptureTest, WhatIsKeptOfLogInsIsJournaled) {
  best_.offers = kinds({kKind<SyslogEvent>});
  other_.offers = kinds({kKind<UserEvent>, kKind<SeccompEvent>});
  start();
  for (const auto beside : {kKind<UserEvent>, kKind<SeccompEvent>}) {
    const auto before = capture_->journaled();
    const auto counted = [&] {
      const auto sources = capture_->sources();
      return std::pair(sources[0].counts.kept, sources[1].counts.kept);
    };
    const auto [by_log, by_audit] = counted();
    demand(kinds({kKind<AuthenticationEvent>, beside}));
    const auto log = [&](std::string_view message) {
      SyslogEvent line;
      line.tag = "sshd[7]";
      line.message = message;
      line.source = "journal";
      line.actor.ids.uid = 0;
      line.actor.path = "/usr/sbin/sshd";
      const std::lock_guard lock(best_.mutex);
      best_.lines.push_back(line);
    };
    const auto record = [&](std::string_view message) {
      UserEvent told;
      told.type = 1112;
      told.message = message;
      told.actor.path = "/usr/sbin/sshd";
      const std::lock_guard lock(other_.mutex);
      other_.records.push_back(told);
    };
    record(R"(op=login acct="kim" res=success)");
    capture_->flush();
    log("Accepted password for kim from 10.0.0.1 port 2 ssh2");
    capture_->flush();
    record(R"(op=login acct="kim" res=success)");
    capture_->flush();
    const auto after = capture_->journaled();
    EXPECT_EQ(after[kKind<AuthenticationEvent>] - before[kKind<AuthenticationEvent>], 1);
    const auto users = after[kKind<UserEvent>] - before[kKind<UserEvent>];
    EXPECT_EQ(users, beside == kKind<UserEvent> ? 2 : 0);
    EXPECT_EQ(counted(), std::pair(by_log + 1, by_audit + users));
  }
}

// EVT-12.
TEST_F(CaptureTest, OneThatAddsToAKindIsAskedBesideWhoServesIt) {
  best_.offers = kinds({kKind<ProcessEvent>});
  best_.adds = other_.offers = kinds({kKind<FileEvent>});
  start();
  Demand wanted;
  wanted.kinds = kinds({kKind<FileEvent>});
  auto& category = wanted.watched.emplace_back();
  category.patterns = {"/one/%%"};
  for (const bool accesses : {true, false}) {
    category.accesses = accesses;
    capture_->demand(wanted);
    capture_->flush();
    EXPECT_EQ(best_.opened.back().kinds.test(kKind<FileEvent>), accesses);
    EXPECT_TRUE(other_.opened.back().kinds.test(kKind<FileEvent>));
  }
}

TEST_F(CaptureTest, WhatIsRefusedIsAskedOfTheNextAndTold) {
  best_.refuses = Error{EPERM, "bpf", "not permitted"};
  start();
  demand(kinds({kKind<ProcessEvent>, kKind<SocketEvent>}));
  execute(other_, "a");
  capture_->flush();
  EXPECT_THAT(journaled(), ElementsAre("audit a"));
  const auto reports = capture_->sources();
  EXPECT_TRUE(reports[0].kinds.none());
  EXPECT_THAT(reports[0].reason, HasSubstr("not permitted"));
  EXPECT_EQ(reports[1].kinds, kinds({kKind<ProcessEvent>}));
  capture_->stop();
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("bpf does not work"), HasSubstr("no source here tells of socket")));
}

TEST_F(CaptureTest, OneThatFailsHandsOnAndIsTriedAgain) {
  start();
  demand(kinds({kKind<ProcessEvent>}));
  {
    const std::lock_guard lock(best_.mutex);
    best_.fails = Error{EIO, "bpf", "gone"};
    best_.refuses = Error{EIO, "bpf", "gone"};
  }
  capture_->flush();
  execute(other_, "a");
  capture_->flush();
  EXPECT_THAT(journaled(), ElementsAre("audit a"));
  {
    const std::lock_guard lock(best_.mutex);
    best_.refuses.reset();
  }
  capture_->flush();
  execute(best_, "b");
  capture_->flush();
  EXPECT_THAT(journaled(), ElementsAre("audit a", "bpf b"));
  EXPECT_EQ(other_.closed, 1);
}

TEST_F(CaptureTest, OneThatFailedIsLetBeWhereNothingAsksForItAnyMore) {
  best_.refuses = Error{EPERM, "bpf", "not permitted"};
  start();
  demand(kinds({kKind<ProcessEvent>}));
  demand({});
  const int asked = best_.asked;
  for (int i = 0; i < 3; ++i) capture_->flush();
  EXPECT_EQ(best_.asked, asked);
}

// EVT-37.
TEST_F(CaptureTest, WhatNothingAsksForIsClosed) {
  start();
  demand(kinds({kKind<SocketEvent>}));
  EXPECT_TRUE(best_.opened.at(0).kinds.test(kKind<ProcessEvent>)) << "who did it is told by starts and ends";
  execute(best_, "a");
  capture_->flush();
  EXPECT_TRUE(journaled().empty());
  const auto counts = capture_->sources()[0].counts;
  EXPECT_EQ(counts.kept, 0);
  EXPECT_EQ(counts.filtered, 1);
  demand({});
  EXPECT_EQ(best_.closed, 1);
  EXPECT_TRUE(other_.opened.empty());
}

// EVT-23.
TEST_F(CaptureTest, OneWordLetsGoOfEverythingAndAnotherTakesItUpAgain) {
  start();
  demand(kinds({kKind<ProcessEvent>, kKind<UserEvent>}));
  halt_ = true;
  capture_->flush();
  EXPECT_EQ(best_.closed, 1);
  EXPECT_EQ(other_.closed, 1);
  EXPECT_EQ(halted_, 1);
  EXPECT_EQ(capture_->sources()[0].reason, "events are turned off");
  demand(kinds({kKind<ProcessEvent>}));
  EXPECT_EQ(best_.opened.size(), 1) << "also when the configuration changes";
  halt_ = false;
  capture_->flush();
  EXPECT_EQ(best_.opened.size(), 2);
  EXPECT_EQ(halted_, 1);
}

// A log's times are those of the clock as it was.
TEST_F(CaptureTest, NothingHasHappenedInTheFuture) {
  start();
  demand(kinds({kKind<ProcessEvent>}));
  constexpr std::uint64_t kYear = 365ULL * 86'400 * 1'000'000'000;
  best_.moment = boot_nanoseconds() + kYear;
  execute(best_, "a");
  capture_->flush();
  const auto cursor = journal_->read(*journal_->family("process"));
  ASSERT_TRUE(cursor.valid());
  EXPECT_LE(cursor.place().time, ::time(nullptr));
  EXPECT_LE(decode<ProcessEvent>(cursor.record())->header.moment, boot_nanoseconds());
}

// No query could read them meanwhile.
TEST_F(CaptureTest, RowsDoNotAgeWhileNothingRuns) {
  const auto long_ago = ::time(nullptr) - 36'000;
  const auto family = *journal_->family("process");
  const std::string name(1000, 'x');
  ProcessEvent event;
  event.filename = name;
  std::string record;
  encode(event, record);
  const std::vector<Journal::Row> rows(1000, Journal::Row{family, long_ago, record});
  ASSERT_TRUE(journal_->append(rows));
  open_journal();
  start();
  std::array<std::uint64_t, kKinds> hour{};
  hour.fill(3600);
  capture_->expire_after(hour);
  for (const auto end = Clock::now() + 2500ms; Clock::now() < end; capture_->flush()) std::this_thread::sleep_for(50ms);
  EXPECT_EQ(journal_->counts(family).kept, 1000);
  EXPECT_EQ(journal_->counts(family).dropped, 0);
}

TEST_F(CaptureTest, WhatWasSeenBeforeASourceIsClosedIsKept) {
  start();
  demand(kinds({kKind<ProcessEvent>}));
  {
    const std::lock_guard lock(best_.mutex);  // no turn of it is between the two
    best_.executed.assign(100'000, "a");
    halt_ = true;
  }
  capture_->flush();
  EXPECT_EQ(best_.closed, 1);
  EXPECT_EQ(capture_->journaled()[kKind<ProcessEvent>], 100'000);
}

TEST_F(CaptureTest, AFloodIsTakenInTurnsAndNothingIsLeftBehindByAStop) {
  start();
  demand(kinds({kKind<ProcessEvent>}));
  execute(best_, std::string(500, 'x'), 20'000);
  capture_->stop();
  EXPECT_EQ(capture_->journaled()[kKind<ProcessEvent>], 20'000);
  EXPECT_TRUE(lost_.empty());
}

// EVT-02: what only this thread may ask.
TEST_F(CaptureTest, AJobIsRunOnTheThreadOfTheSources) {
  start();
  std::thread::id there;
  capture_->run_there([&] { there = std::this_thread::get_id(); });
  EXPECT_NE(there, std::thread::id());
  EXPECT_NE(there, std::this_thread::get_id());
  bool ran = false;
  capture_->stop();
  capture_->run_there([&] { ran = true; });
  EXPECT_FALSE(ran);
}

// EVT-15.
TEST_F(CaptureTest, LossesAreToldOnceAsTheyGrow) {
  start();
  demand(kinds({kKind<ProcessEvent>}));
  {
    const std::lock_guard lock(best_.mutex);
    best_.counts.dropped = {{"exec", "ring full", 3, true}};
  }
  capture_->stop();
  EXPECT_THAT(lost_, ElementsAre("bpf ring full 3"));
}

// Of whoever runs as root though nothing made it so privilege_events tell, where somebody reads them.
TEST_F(CaptureTest, RightsThatNothingGaveAreTold) {
  start();
  for (const bool asked : {false, true}) {
    auto wanted = kinds({kKind<ProcessEvent>});
    wanted.set(kKind<PrivilegeEvent>, asked);
    demand(wanted);
    become_root(INT32_MAX - asked);
    EXPECT_EQ(capture_->journaled()[kKind<PrivilegeEvent>], asked ? 1 : 0);
  }
  const auto cursor = journal_->read(*journal_->family("privilege"));
  ASSERT_TRUE(cursor.valid());
  const auto rights = decode<PrivilegeEvent>(cursor.record());
  ASSERT_TRUE(rights);
  EXPECT_EQ(rights->kind, "exec");
  EXPECT_EQ(rights->before.euid, 1000U);
  EXPECT_EQ(rights->actor.ids.euid, 0U);
  EXPECT_EQ(rights->expected, false);
}

// EVT-25: what is made of a source's events adds up as well.
TEST_F(CaptureTest, RightsThatAreNotKeptAreCounted) {
  start();
  Demand wanted{.kinds = kinds({kKind<ProcessEvent>, kKind<PrivilegeEvent>}), .environment = {}, .watched = {}};
  auto filter = parse_filter("-a never,exit -F euid=0");
  ASSERT_TRUE(filter) << filter.error().text();
  filter->kinds = kinds({kKind<PrivilegeEvent>});
  wanted.filters = std::make_shared<const Filters>(std::vector{*filter});
  capture_->demand(wanted);
  become_root(INT32_MAX);
  auto counts = capture_->sources().at(0).counts;
  EXPECT_EQ(counts.kept, 2);
  EXPECT_EQ(counts.filtered, 1);

  capture_->demand({.kinds = wanted.kinds, .environment = {}, .watched = {}});
  capture_->limit({.cpu_percent = 1, .order = {{"privilege_events", kKind<PrivilegeEvent>}}});
  const auto is_given_up = [&] {
    return capture_->sources().at(0).reason.find("given up under pressure: privilege") != std::string::npos;
  };
  for (const auto end = Clock::now() + 60s; !is_given_up() && Clock::now() < end;) capture_->flush();
  become_root(INT32_MAX - 1);
  EXPECT_EQ(capture_->journaled()[kKind<PrivilegeEvent>], 0);
  counts = capture_->sources().at(0).counts;
  EXPECT_EQ(counts.kept, 4);
  ASSERT_EQ(counts.dropped.size(), 1);
  EXPECT_EQ(counts.dropped[0].reason, "shed");
  EXPECT_EQ(counts.dropped[0].count, 1);
}

// Takes nothing, for a reason in ever other words.
class FullStore final : public store::FifoStore {
 public:
  Result<void> write(std::span<const store::FifoRow>) override {
    return system_failure(ENOSPC, "journal/00000" + std::to_string(++tries_) + ".log");
  }
  Result<void> sync() override { return {}; }
  std::unique_ptr<store::Cursor> cursor(std::size_t, std::string_view, std::string_view) const override { return {}; }
  std::optional<std::string> first_key(std::size_t) const override { return {}; }
  std::optional<std::string> last_key(std::size_t) const override { return {}; }
  Result<void> drop_while(std::size_t, const Goes&) override { return {}; }
  Result<void> set_cap(std::size_t, std::uint64_t) override { return {}; }
  std::uint64_t file_bytes(std::size_t) const override { return 0; }
  std::uint64_t disk_bytes() const override { return 0; }
  std::optional<std::string> damage() const override { return {}; }

 private:
  int tries_ = 0;
};

// Losses are kept by their reason, for good.
TEST_F(CaptureTest, WhatTheJournalCannotTakeIsLostForOneReason) {
  FullStore store;
  Journal journal(store, std::vector<std::string>(kFamilies.begin(), kFamilies.end()));
  start(journal);
  demand(kinds({kKind<ProcessEvent>}));
  for (int i = 0; i < 2; ++i) {
    execute(best_, "a");
    capture_->flush();
  }
  capture_.reset();
  EXPECT_THAT(lost_, ElementsAre("journal filesystem full 1", "journal filesystem full 1"));
}

// EVT-28, EVT-32: what a filter matches is counted, not kept; hot.
TEST_F(CaptureTest, WhatFiltersMatchIsNotKept) {
  start();
  Demand wanted{.kinds = kinds({kKind<ProcessEvent>}), .environment = {}, .watched = {}};
  auto filter = parse_filter("-a never,exit -F path=/a");
  ASSERT_TRUE(filter) << filter.error().text();
  filter->kinds = wanted.kinds;
  wanted.filters = std::make_shared<const Filters>(std::vector{*filter});
  capture_->demand(wanted);
  capture_->flush();
  {
    const std::lock_guard lock(best_.mutex);
    best_.system_call = "execve";
  }
  execute(best_, "/a", 3);
  execute(best_, "/b");
  capture_->flush();
  EXPECT_THAT(journaled(), ElementsAre("bpf /b"));
  EXPECT_EQ(capture_->filters()->hits(0), 3);
  EXPECT_EQ(best_.opened.back().filters, wanted.filters) << "for the kernel";
  auto report = capture_->sources().at(0);
  EXPECT_EQ(report.counts.kept, 1);
  EXPECT_EQ(report.counts.filtered, 3);
  demand(wanted.kinds);
  execute(best_, "/a");
  capture_->flush();
  EXPECT_THAT(journaled(), ElementsAre("bpf /b", "bpf /a"));
  EXPECT_EQ(capture_->filters(), nullptr);
}

}  // namespace
}  // namespace osprey::events
