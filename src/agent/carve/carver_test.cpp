#include "agent/carve/carver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zstd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "agent/remote/fake_remote_test.h"
#include "agent/schedule/fakes_test.h"
#include "agent/tables/tables.h"
#include "base/base64.h"
#include "base/temporary_tree.h"
#include "sql/connection.h"
#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Status = Carve::Status;

constexpr auto kBegin = "/begin";
constexpr auto kBlock = "/block";

class CarverTest : public TemporaryTree {
 public:
  CarverTest() {
    options_.function = true;
    options_.start_endpoint = kBegin;
    options_.continue_endpoint = kBlock;
    options_.block_size = 1000;
    options_.directory = top / "db";
    std::filesystem::create_directory(options_.directory);
    options_.first_delay = 1ms;
    options_.patience = 50ms;
    StatusLog::Levels levels;
    levels.to_stderr = false;
    status_.set_levels(levels);
    status_.set_receiver([this](const protocol::StatusLine& line) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(line.message);
    });
    remote_.always(kBegin, FakeRemote::says(R"({"session_id":"s-1"})"));
    write("etc/a", "one\n");
    write("etc/b", std::string(5000, 'b'));
  }

  // As a process that starts now.
  Carver& restart() {
    carver_.reset();
    carver_.emplace(CarverParts{program_, *store_, remote_, status_, nullptr, root(), clock_, options_});
    return *carver_;
  }
  Carve request(const std::vector<std::string>& paths, const std::string& request_id = "q") {
    if (!carver_) restart();
    const auto made = carver_->request(paths, request_id);
    EXPECT_TRUE(made);
    return *made;
  }
  Carve find(const std::string& guid) {
    for (const auto& carve : carver_->list())
      if (carve.guid == guid) return carve;
    return {};
  }
  // The carve once it has come to its end.
  Carve finished(const Carve& carve) {
    carver_->start();
    return wait_for(carve);
  }
  Carve wait_for(const Carve& carve) {
    for (;;) {
      if (auto now = find(carve.guid); now.finished()) return now;
      std::this_thread::sleep_for(1ms);
    }
  }
  // What the blocks make when they are put together.
  std::string received() {
    std::map<std::int64_t, std::string> blocks;
    for (const auto& members : remote_.bodies(kBlock)) {
      const auto body = boost::json::parse("{" + members + "}").as_object();
      EXPECT_EQ(body.at("session_id").as_string(), "s-1");
      blocks[body.at("block_id").as_int64()] = *from_base64(body.at("data").as_string());
    }
    std::string all;
    for (const auto& [id, block] : blocks) all += block;
    return all;
  }
  // Entries of an archive, as tar(1) lists them.
  static std::vector<std::string> names(const std::string& archive) {
    std::vector<std::string> names;
    for (std::size_t at = 0; at + 512 <= archive.size();) {
      const auto header = std::string_view(archive).substr(at, 512);
      if (header[0] == '\0') break;
      const auto size = parse_octal(header.substr(124, 11));
      if (header[156] == '0') names.emplace_back(header.substr(0, header.find('\0')));
      at += 512 + (size + 511) / 512 * 512;
    }
    return names;
  }
  static std::size_t parse_octal(std::string_view text) { return std::stoul(std::string(text), nullptr, 8); }
  std::size_t scratch_files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(options_.directory), {}));
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

  FakeClock clock_{1'800'000'000};
  Program program_;
  std::shared_ptr<store::Store> store_ = store::memory_store();
  std::mutex mutex_;
  std::vector<std::string> lines_;
  StatusLog status_;
  FakeRemote remote_;
  CarverOptions options_;
  std::optional<Carver> carver_;
};

TEST_F(CarverTest, FilesArePackedAndSentInBlocks) {
  const auto asked = request({"/etc/a", "/etc/b", "/etc/a"}, "query-7");
  EXPECT_EQ(asked.status, Status::scheduled);
  EXPECT_EQ(asked.size, -1);
  EXPECT_EQ(asked.joined_paths(), "/etc/a,/etc/b");
  const auto carve = finished(asked);
  EXPECT_EQ(carve.status, Status::success);
  EXPECT_EQ(carve.size, 2048 + 3 * 512 + 5120 + 1024);
  EXPECT_EQ(carve.sha256.size(), 64U);
  EXPECT_EQ(carve.error, "");
  EXPECT_THAT(remote_.bodies(kBegin),
              ElementsAre(fmt::format(R"("block_count":10,"block_size":1000,"carve_size":{},"carve_id":"{}",)"
                                      R"("request_id":"query-7")",
                                      carve.size, carve.guid)));
  const auto archive = received();
  EXPECT_EQ(archive.size(), static_cast<std::size_t>(carve.size));
  EXPECT_THAT(names(archive), ElementsAre("etc/a", "etc/b"));
  EXPECT_THAT(archive, AllOf(HasSubstr("one\n"), HasSubstr(std::string(5000, 'b'))));
  EXPECT_THAT(remote_.bodies(kBlock).front(),
              StartsWith(R"("block_id":0,"session_id":"s-1","request_id":"query-7","data":")"));
  const auto block = remote_.requests(kBlock).front();
  EXPECT_FALSE(block.node_key_in_body);
  EXPECT_EQ(block.attempts, 3U);
  EXPECT_EQ(scratch_files(), 0U);
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(CarverTest, UnderOsquerysNameEntriesAndRequestsAreOsquerys) {
  program_.osquery_compatible = true;
  const auto carve = finished(request({"/etc/a"}));
  EXPECT_EQ(carve.size, 3072);
  EXPECT_THAT(names(received()), ElementsAre(fmt::format("/tmp/osquery_carve_{}/etc/a", carve.guid)));
  EXPECT_FALSE(remote_.requests(kBegin).front().evaluate);
  EXPECT_TRUE(remote_.requests(kBegin).front().node_key_in_body);
}

TEST_F(CarverTest, CompressedIfAskedFor) {
  options_.compress = true;
  write("etc/large", std::string(3'000'000, 'x') + "end");
  const auto carve = finished(request({"/etc/large"}));
  EXPECT_EQ(carve.status, Status::success);
  EXPECT_LT(carve.size, 10'000);
  const auto packed = received();
  std::string archive(4'000'000, '\0');
  ZSTD_DCtx* context = ZSTD_createDCtx();
  archive.resize(ZSTD_decompressDCtx(context, archive.data(), archive.size(), packed.data(), packed.size()));
  ZSTD_freeDCtx(context);
  EXPECT_THAT(names(archive), ElementsAre("etc/large"));
  EXPECT_THAT(archive, HasSubstr("xxxend"));
}

TEST_F(CarverTest, OnlyRegularFilesAndWhatIsMissingIsNamed) {
  ::mkfifo((top / "etc/fifo").c_str(), 0600);
  const auto carve = finished(request({"/etc/gone", "/etc/fifo", "/etc", "relative", "/etc/a"}));
  EXPECT_EQ(carve.status, Status::success);
  EXPECT_THAT(names(received()), ElementsAre("etc/a"));
  EXPECT_THAT(carve.error, AllOf(HasSubstr("relative: not an absolute path"),
                                 HasSubstr("/etc/gone: No such file or directory"), HasSubstr("/etc/fifo: ")));
}

// compat section 15: osquery sends 1,024 bytes and calls it a success.
TEST_F(CarverTest, WithoutAnyFileACarveFails) {
  const auto carve = finished(request({"/nonexistent"}));
  EXPECT_EQ(carve.status, Status::create_paths_failed);
  EXPECT_EQ(carve.error, "/nonexistent: No such file or directory");
  EXPECT_THAT(remote_.requests(kBegin), IsEmpty());
  EXPECT_EQ(scratch_files(), 0U);
  EXPECT_THAT(lines(), ElementsAre(AllOf(HasSubstr("/nonexistent"), HasSubstr("CREATE PATHS FAILED"))));
  program_.osquery_compatible = true;
  restart();
  EXPECT_EQ(finished(request({"/nonexistent"})).size, 1024);
}

TEST_F(CarverTest, AnArchiveHasACap) {
  options_.cap = 1 << 20;
  write("etc/large", std::string(2 << 20, 'x'));
  const auto carve = finished(request({"/etc/large"}));
  EXPECT_EQ(carve.status, Status::archive_failed);
  EXPECT_EQ(carve.error, "it exceeds the limit of 1 MB (--carver_limit_mb)");
  EXPECT_EQ(scratch_files(), 0U);
}

// A store whose directory is full.
class FullStore final : public store::Store {
 public:
  explicit FullStore(std::shared_ptr<store::Store> beneath) : beneath_(std::move(beneath)) {}
  Result<std::optional<std::string>> get(store::Family family, std::string_view key) const override {
    return beneath_->get(family, key);
  }
  std::unique_ptr<store::Cursor> cursor(store::Family family, std::string_view first,
                                        std::string_view last) const override {
    return beneath_->cursor(family, first, last);
  }
  Result<void> write(const store::Batch& batch) override { return beneath_->write(batch); }
  Result<void> sync() override { return {}; }
  Result<void> resize_beside(std::uint64_t from, std::uint64_t to) override {
    if (to > from) return failure("/db", "the filesystem has too little free space");
    return {};
  }
  std::vector<store::FamilyUsage> usage() const override { return {}; }
  std::uint64_t disk_bytes() const override { return 0; }
  store::Pressure pressure() const override { return store::Pressure::filesystem; }
  void shed_caches() override {}

 private:
  std::shared_ptr<store::Store> beneath_;
};

TEST_F(CarverTest, AFullDiskIsLeftAlone) {
  store_ = std::make_shared<FullStore>(store_);
  const auto carve = finished(request({"/etc/a"}));
  EXPECT_EQ(carve.status, Status::archive_failed);
  EXPECT_THAT(carve.error, HasSubstr("too little free space"));
  EXPECT_EQ(scratch_files(), 0U);
}

TEST_F(CarverTest, AServerThatComesBackGetsTheRest) {
  remote_.script(kBegin, FakeRemote::fails("down"));
  remote_.script(kBegin, FakeRemote::says("{}"));
  for (int i = 0; i < 3; ++i) remote_.script(kBlock, FakeRemote::fails("down"));
  EXPECT_EQ(finished(request({"/etc/a"})).status, Status::success);
  EXPECT_EQ(remote_.requests(kBegin).size(), 3U);
  EXPECT_EQ(remote_.requests(kBlock).size(), 4U + 3U);
}

TEST_F(CarverTest, AServerThatStaysAwayEndsIt) {
  remote_.always(kBlock, FakeRemote::fails("down"));
  const auto carve = finished(request({"/etc/a"}));
  EXPECT_EQ(carve.status, Status::data_post_failed);
  EXPECT_EQ(carve.error, "server: down");
  EXPECT_EQ(scratch_files(), 0U);
}

TEST_F(CarverTest, UnderOsquerysNameTheFirstRefusalEndsIt) {
  program_.osquery_compatible = true;
  remote_.script(kBegin, FakeRemote::says(R"({"error":"first try refused"})"));
  EXPECT_EQ(finished(request({"/etc/a"})).status, Status::data_post_failed);
  EXPECT_EQ(remote_.requests(kBegin).size(), 1U);
}

TEST_F(CarverTest, AnotherProcessGoesOnAtTheBlockWhereThisOneEnded) {
  const auto asked = request({"/etc/b"});
  std::atomic<int> sent = 0;
  remote_.always(kBlock, [&](const RemoteRequest&, const Interrupt& stop) -> Result<RemoteReply> {
    if (++sent < 4) return RemoteReply();
    while (!stop.requested()) std::this_thread::sleep_for(1ms);
    return failure("server", "interrupted");
  });
  carver_->start();
  while (sent < 4) std::this_thread::sleep_for(1ms);
  carver_->stop();
  EXPECT_EQ(find(asked.guid).status, Status::pending);
  EXPECT_EQ(scratch_files(), 1U);
  write("etc/b", "it changed meanwhile");
  remote_.always(kBlock, FakeRemote::says("{}"));
  restart();
  const auto carve = finished(asked);
  EXPECT_EQ(carve.status, Status::success);
  EXPECT_EQ(remote_.requests(kBegin).size(), 1U);
  EXPECT_EQ(remote_.requests(kBlock).size(), static_cast<std::size_t>(carve.size + 999) / 1000 + 1);
  EXPECT_THAT(received(), HasSubstr(std::string(5000, 'b')));
  EXPECT_EQ(scratch_files(), 0U);
}

TEST_F(CarverTest, WithoutItsScratchFileACarveBeginsAnew) {
  const auto asked = request({"/etc/a"});
  remote_.always(kBlock, FakeRemote::holds());
  carver_->start();
  while (remote_.requests(kBlock).empty()) std::this_thread::sleep_for(1ms);
  carver_->stop();
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) std::filesystem::remove(entry);
  write("db/carve-leftover.tar", "x");
  remote_.always(kBlock, FakeRemote::says("{}"));
  restart();
  EXPECT_EQ(scratch_files(), 0U);
  EXPECT_EQ(finished(asked).status, Status::success);
  EXPECT_EQ(remote_.requests(kBegin).size(), 2U);
}

TEST_F(CarverTest, ADeathAtAnyWriteIsMadeUpFor) {
  // As a store keeps it that takes nothing from the nth write on.
  for (std::uint64_t write = 1; write < 12; ++write) {
    SCOPED_TRACE(write);
    const std::shared_ptr<store::Store> beneath = store::memory_store();
    carver_.reset();
    store_ = store::failing_store(beneath, [&](store::FaultPoint at) {
      return at.number / 2 >= write ? store::Fault::failure : store::Fault::none;
    });
    restart();
    const auto asked = request({"/etc/a"});
    carver_->start();
    wait_for(asked);
    carver_.reset();
    store_ = beneath;
    restart();
    EXPECT_EQ(finished(asked).status, Status::success);
    EXPECT_EQ(scratch_files(), 0U);
  }
}

TEST_F(CarverTest, FinishedOnesExpire) {
  const auto good = finished(request({"/etc/a"}));
  const auto bad = wait_for(request({"/nonexistent"}));
  clock_.pass(86'400s);
  const auto later = wait_for(request({"/etc/a"}));
  carver_->stop();
  EXPECT_THAT(carver_->list(), ElementsAre(later));
  EXPECT_THAT(restart().list(), ElementsAre(later));
}

TEST(CarverOptionsTest, AreThoseOfTheFlags) {
  Flags flags;
  flags.set("carver_disable_function", "false");
  flags.set("carver_start_endpoint", "/begin");
  flags.set("carver_continue_endpoint", "/block");
  flags.set("carver_block_size", "4096");
  flags.set("carver_compression", "true");
  flags.set("carver_expiry", "60");
  flags.set("carver_limit_mb", "7");
  flags.set("database_path", "/scratch");
  const auto options = carver_options(flags);
  EXPECT_TRUE(options.function);
  EXPECT_EQ(options.start_endpoint, "/begin");
  EXPECT_EQ(options.continue_endpoint, "/block");
  EXPECT_EQ(options.block_size, 4096U);
  EXPECT_TRUE(options.compress);
  EXPECT_EQ(options.expiry, 60s);
  EXPECT_EQ(options.cap, 7U << 20);
  EXPECT_EQ(options.directory, "/scratch");
}

TEST_F(CarverTest, RequestsAreBounded) {
  restart();
  EXPECT_THAT(carver_->request({std::string(2 << 20, 'x')}, "").error().text(), HasSubstr("1 MiB of paths"));
  for (std::size_t i = 0; i < Carver::kMostWaiting; ++i) request({"/etc/a"});
  EXPECT_THAT(carver_->request({"/etc/a"}, "").error().text(), HasSubstr("100 carves are waiting already"));
}

class CarvesTableTest : public CarverTest {
 public:
  CarvesTableTest() { registry_.add(tables::entries()); }
  // Rows as text, values joined by bars.
  std::vector<std::string> query(std::string_view sql) {
    sql::Services services;
    if (desk_) desk_->provide(services);
    sql::ConnectionOptions options;
    options.registry = &registry_;
    options.root = root();
    options.services = &services;
    options.osquery_compatible = program_.osquery_compatible;
    sql::Connection connection(std::move(options));
    connection.begin({});
    std::vector<std::string> rows;
    auto statement = connection.prepare(sql);
    EXPECT_TRUE(statement);
    while (*(*statement)->step()) {
      auto& row = rows.emplace_back();
      for (std::size_t i = 0; i < (*statement)->size(); ++i)
        row += (i > 0 ? "|" : "") + std::string((*statement)->text(i));
    }
    warnings_.clear();
    for (const auto& warning : connection.warnings().list()) warnings_.push_back(warning.error.text());
    return rows;
  }
  void open_desk() { desk_.emplace(&restart()); }

  sql::Registry registry_;
  std::optional<CarveDesk> desk_;
  std::vector<std::string> warnings_;
};

TEST_F(CarvesTableTest, CarveIsOneAsksForAPath) {
  open_desk();
  desk_->set_request("live-9");
  EXPECT_THAT(query("SELECT path, status, size, sha256, request_id, carve, time FROM carves "
                    "WHERE path = '/etc/a' AND carve = 1"),
              ElementsAre("/etc/a|SCHEDULED|-1||live-9|1|1800000000"));
  EXPECT_THAT(query("SELECT path, carve FROM carves"), ElementsAre("/etc/a|0"));
  EXPECT_EQ(carver_->list().size(), 1U);
  // Paths of their own are carves of their own.
  EXPECT_EQ(query("SELECT path FROM carves WHERE path IN ('/etc/a', '/etc/b') AND carve = 1").size(), 2U);
  EXPECT_EQ(carver_->list().size(), 3U);
}

TEST_F(CarvesTableTest, LikeAsksForAllItFindsAsOne) {
  open_desk();
  EXPECT_THAT(query("SELECT path FROM carves WHERE path LIKE '/etc/%' AND carve = 1"), ElementsAre("/etc/a,/etc/b"));
  EXPECT_THAT(query("SELECT path FROM carves WHERE path LIKE '/none/%' AND carve = 1"), IsEmpty());
  EXPECT_THAT(warnings_, testing::Contains(HasSubstr("/none/%: no file to carve")));
  EXPECT_THAT(query("SELECT path FROM carves WHERE carve = 1"), IsEmpty());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("add a condition on path")));
}

TEST_F(CarvesTableTest, TheFunctionAsksToo) {
  open_desk();
  EXPECT_THAT(query("SELECT carve(column1) FROM (VALUES ('/etc/a'), ('/etc/b'))"), ElementsAre("Carve Started"));
  EXPECT_THAT(query("SELECT path FROM carves"), ElementsAre("/etc/a,/etc/b"));
  options_.function = false;
  open_desk();
  EXPECT_THAT(query("SELECT carve('/etc/a')"), ElementsAre(StartsWith("Carve Failed: it is off")));
}

TEST_F(CarvesTableTest, WhereNothingIsCarvedAWarningSaysSo) {
  EXPECT_THAT(query("SELECT path FROM carves WHERE path = '/etc/a' AND carve = 1"), IsEmpty());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("--disable_carver=false")));
  EXPECT_THAT(query("SELECT path FROM carves"), IsEmpty());
  EXPECT_THAT(warnings_, IsEmpty());
}

}  // namespace
}  // namespace osprey::agent
