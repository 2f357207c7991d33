#include "store/fifo_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <random>
#include <thread>

#include "base/temporary_tree.h"
#include "store/directory_peak_test.h"

namespace osprey::store {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

std::string noise(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// EVT-15, LIM-09.
class FifoStoreTest : public TemporaryTree {
 protected:
  FifoOptions options() const { return {top / "journal", {{"execs", 4 << 20}, {"exits", 4 << 20}}}; }
  OpenedFifo open() { return open(options()); }
  static OpenedFifo open(const FifoOptions& options) {
    auto opened = open_fifo(options);
    if (!opened) throw std::runtime_error(opened.error().text());
    return std::move(*opened);
  }
  static void append(FifoStore& store, std::size_t family, std::uint64_t number, std::string_view value) {
    const auto key = ordered(number);
    const FifoRow row{family, key, value};
    const auto written = store.write({&row, 1});
    ASSERT_TRUE(written) << written.error().text();
  }
  static std::vector<std::uint64_t> numbers(const FifoStore& store, std::size_t family) {
    std::vector<std::uint64_t> all;
    const auto cursor = store.cursor(family, {}, {});
    for (; cursor->valid(); cursor->next()) all.push_back(*parse_ordered(cursor->key()));
    EXPECT_TRUE(cursor->status());
    return all;
  }
  // Until it is so, or for half a minute: files are written and go in the background.
  static bool becomes(const std::function<bool()>& so) {
    for (const auto until = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < until;) {
      if (so()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
};

TEST_F(FifoStoreTest, KeepsWhatWasAppended) {
  {
    const auto opened = open();
    EXPECT_EQ(opened.reason, "");
    EXPECT_EQ(opened.store->last_key(0), std::nullopt);
    append(*opened.store, 0, 1, "a");
    append(*opened.store, 0, 2, "b");
    append(*opened.store, 1, 7, "c");
    EXPECT_EQ(opened.store->last_key(0), ordered(2));
  }
  const auto opened = open();
  EXPECT_THAT(numbers(*opened.store, 0), ElementsAre(1, 2));
  EXPECT_THAT(numbers(*opened.store, 1), ElementsAre(7));
  EXPECT_EQ(opened.store->last_key(1), ordered(7));
  const auto cursor = opened.store->cursor(0, ordered(2), {});
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->value(), "b");
}

TEST_F(FifoStoreTest, FamiliesMayComeAndGo) {
  {
    append(*open().store, 1, 7, "c");
  }
  auto others = options();
  others.families = {{"dns", 4 << 20}, {"exits", 4 << 20}};
  {
    const auto opened = open(others);
    EXPECT_EQ(opened.reason, "");
    EXPECT_THAT(numbers(*opened.store, 0), IsEmpty());
    EXPECT_THAT(numbers(*opened.store, 1), ElementsAre(7));
  }
  const auto opened = open();
  EXPECT_EQ(opened.reason, "");
  EXPECT_EQ(opened.store->last_key(0), std::nullopt);
  EXPECT_THAT(numbers(*opened.store, 1), ElementsAre(7));
}

// The caps hold under a flood: of a family, and so of the directory; what lives stays near them.
TEST_F(FifoStoreTest, TheOldestGoWhenThereAreTooMany) {
  DirectoryPeak peak(options().directory);
  const auto value = noise(2000, 1);
  std::uint64_t quiet = 0;
  {
    const auto opened = open();
    for (std::uint64_t i = 0; i < 40'000; ++i) {
      append(*opened.store, 0, i, value);
      if (i % 1000 == 0) append(*opened.store, 1, quiet++, "rare");
    }
    std::vector<std::uint64_t> left;
    EXPECT_TRUE(becomes([&] {
      left = numbers(*opened.store, 0);
      return opened.store->first_key(0) == ordered(left.front()) &&
             opened.store->file_bytes(0) <= options().families[0].cap_bytes + (1 << 20);
    }));
    EXPECT_EQ(left.back(), 39'999);
    EXPECT_EQ(left.back() - left.front() + 1, left.size()) << "the oldest go, and no other";
    EXPECT_GT(left.size() * value.size(), options().families[0].cap_bytes * 3 / 4) << "live rows stay near the cap";
    EXPECT_EQ(numbers(*opened.store, 1).size(), quiet) << "a flood costs no other family its rows";
  }
  EXPECT_LE(peak.most(), options().families[0].cap_bytes + options().families[1].cap_bytes + kFifoOverhead);
}

TEST_F(FifoStoreTest, ACapMayChange) {
  const auto value = noise(2000, 1);
  const auto opened = open();
  const auto flood = [&](std::uint64_t from) {
    for (std::uint64_t i = from; i < from + 10'000; ++i) append(*opened.store, 0, i, value);
  };
  ASSERT_TRUE(opened.store->set_cap(0, 16 << 20));
  flood(0);
  EXPECT_GT(numbers(*opened.store, 0).size() * value.size(), 12u << 20);
  ASSERT_TRUE(opened.store->set_cap(0, 2 << 20));
  flood(10'000);
  EXPECT_TRUE(becomes([&] { return opened.store->file_bytes(0) <= 3u << 20; }));
}

TEST_F(FifoStoreTest, FilesOfOldRowsGoOnDemand) {
  const auto opened = open();
  // That cannot be compressed: small files are joined, so that the newest rows may be in one with the oldest.
  for (std::uint64_t i = 0; i < 1500; ++i) append(*opened.store, 0, i, noise(2000, i));
  std::vector<std::uint64_t> left;
  EXPECT_TRUE(becomes([&] {
    EXPECT_TRUE(opened.store->drop_while(0, [](std::string_view last) { return last < ordered(1000); }));
    left = numbers(*opened.store, 0);
    return left.front() > 500;
  }));
  EXPECT_LE(left.front(), 1000u);
  EXPECT_EQ(left.back(), 1499u);
}

// A quiet family shares the log with a busy one, which has its rows written out often: its files are made one.
TEST_F(FifoStoreTest, AQuietFamilysFilesStayFew) {
  auto caps = options();
  caps.families[0].cap_bytes = 64 << 20;
  const auto opened = open(caps);
  const auto value = noise(20'000, 1);
  for (std::uint64_t i = 0; i < 15'000; ++i) {
    append(*opened.store, 0, i, value);
    if (i % 100 == 0) append(*opened.store, 1, i, "rare");
  }
  EXPECT_EQ(numbers(*opened.store, 1).size(), 150u);
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(caps.directory))
    if (file.path().extension() == ".sst") ++files;
  EXPECT_LT(files, 64 / 2 + 40u);
}

TEST_F(FifoStoreTest, IsSeenFromBeside) {
  const auto opened = open();
  append(*opened.store, 1, 7, "c");
  auto wanted = options();
  wanted.families.push_back({"unknown", 1 << 20});
  const auto beside = open_fifo_beside(wanted);
  ASSERT_TRUE(beside) << beside.error().text();
  EXPECT_THAT(numbers(**beside, 1), ElementsAre(7));
  EXPECT_THAT(numbers(**beside, 2), IsEmpty());
  EXPECT_EQ((*beside)->last_key(1), ordered(7));
  EXPECT_EQ((*beside)->write({}).error().code, EROFS);
  EXPECT_EQ(open_fifo(options()).error().code, EBUSY);
}

TEST_F(FifoStoreTest, WhatIsDamagedIsSetAside) {
  {
    append(*open().store, 0, 1, "a");
  }
  for (const auto& file : std::filesystem::directory_iterator(options().directory))
    if (file.path().filename().string().starts_with("MANIFEST")) std::filesystem::resize_file(file.path(), 10);
  const auto opened = open();
  EXPECT_NE(opened.reason, "");
  EXPECT_NE(opened.set_aside, "");
  EXPECT_THAT(numbers(*opened.store, 0), IsEmpty());
  append(*opened.store, 0, 1, "a");
}

// What was acknowledged is there after a kill, whole batches only.
TEST_F(FifoStoreTest, AKillLosesNothingAcknowledged) {
  for (int round = 0; round < 5; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto opened = open();
      const auto last = opened.store->last_key(0);
      std::uint64_t next = last ? *parse_ordered(*last) + 1 : 0;
      const auto value = noise(500, 1);
      for (;; next += 2) {
        const auto one = ordered(next);
        const auto two = ordered(next + 1);
        const FifoRow rows[] = {{0, one, value}, {0, two, value}};
        if (!opened.store->write(rows)) ::_exit(1);
        (void)!::write(pipe[1], &next, sizeof next);
      }
    }
    ::close(pipe[1]);
    std::this_thread::sleep_for(std::chrono::milliseconds(100 + 37 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::uint64_t acknowledged = 0;
    std::uint64_t count = 0;
    while (::read(pipe[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) ++count;
    ::close(pipe[0]);
    if (count == 0) continue;
    const auto opened = open();
    EXPECT_EQ(opened.reason, "");
    const auto last = *parse_ordered(*opened.store->last_key(0));
    EXPECT_GE(last, acknowledged + 1);
    EXPECT_EQ(last % 2, 1u) << "a batch is there as a whole";
    EXPECT_EQ(numbers(*opened.store, 0).back(), last);
  }
}

}  // namespace
}  // namespace osprey::store
