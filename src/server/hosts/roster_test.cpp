#include "server/hosts/roster.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <ctime>
#include <thread>

#include "server/hosts/search.h"

namespace osprey::server::hosts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

HostPtr host(HostId id, std::string address = "") {
  return std::make_shared<const Host>(Host{.id = id, .identifier = "h", .name = "h", .address = std::move(address)});
}

TEST(Roster, NotesWhatIsSeenOnce) {
  Roster roster;
  EXPECT_TRUE(roster.put(host(1, "10.0.0.1"), {}));
  EXPECT_FALSE(roster.put(host(1, "10.0.0.1"), {}));
  roster.seen(1, Sign::config, "10.0.0.1", {5});
  roster.seen(1, Sign::config, "10.0.0.1", {6});
  roster.seen(1, Sign::log, "10.0.0.2", {7});
  roster.seen(2, Sign::log, "10.0.0.2", {7});
  auto changes = roster.take_seen();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_THAT(changes[0].signs, ElementsAre(0, 6, 0, 7, 0));
  EXPECT_EQ(changes[0].address, "10.0.0.2");
  EXPECT_THAT(roster.take_seen(), IsEmpty());

  roster.put_back(changes);
  roster.seen(1, Sign::log, "", {9});
  changes = roster.take_seen();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_THAT(changes[0].signs, ElementsAre(0, 6, 0, 9, 0));
  EXPECT_EQ(changes[0].address, "10.0.0.2");
}

TEST(Roster, NotesAConfigurationOnlyWhereItIsAnother) {
  Roster roster;
  roster.put(host(1), {});
  roster.given(2, "a");  // nobody
  roster.given(1, "a");
  EXPECT_EQ(roster.configuration(1), "a");
  auto changes = roster.take_seen();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].configuration, "a");
  EXPECT_EQ(roster.configuration(1), "") << "it is being written";

  roster.seen(1, Sign::config, "", {5});
  roster.given(1, "a");
  EXPECT_EQ(roster.take_seen().at(0).configuration, "") << "a poll for nothing new";
  roster.put_back(changes);
  EXPECT_EQ(roster.take_seen().at(0).configuration, "a");
  roster.put_back(changes);
  roster.given(1, "b");
  roster.put_back(changes);
  EXPECT_EQ(roster.take_seen().at(0).configuration, "b") << "the later one";

  // Another server may have given it another since.
  roster.merge(1, Sign::config, {4});
  roster.given(1, "b");
  EXPECT_THAT(roster.take_seen(), IsEmpty());
  roster.merge(1, Sign::config, {6});
  roster.given(1, "b");
  EXPECT_EQ(roster.take_seen().at(0).configuration, "b");
}

TEST(Roster, TakesOverWhatOthersSawWhereItIsLater) {
  Roster roster;
  roster.put(host(1), {0, 5, 0, 0, 0});
  roster.merge(1, Sign::config, {4});
  roster.merge(1, Sign::log, {8});
  roster.merge(2, Sign::log, {8});
  EXPECT_THAT(roster.signs(1), ElementsAre(0, 5, 0, 8, 0));
  EXPECT_THAT(roster.take_seen(), IsEmpty()) << "they write it";
  EXPECT_TRUE(roster.erase(1));
  EXPECT_FALSE(roster.erase(1));
}

TEST(Roster, ManyThreads) {
  Roster roster;
  constexpr HostId kHosts = 100;
  for (HostId id = 1; id <= kHosts; ++id) roster.put(host(id), {});
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 5000; ++i) {
        const HostId id = (i * 7 + thread) % kHosts + 1;
        roster.seen(id, Sign::config, i % 50 == 0 ? "10.0.0.2" : "", {i});
        roster.merge(id, Sign::log, {i});
        const auto found = roster.find(id);
        EXPECT_TRUE(!found || found->id == id);
      }
    });
  for (int i = 0; i < 200; ++i) {
    const HostId id = i % kHosts + 1;
    if (i % 3 == 0) roster.erase(id);
    roster.put(host(id, "10.0.0." + std::to_string(i)), {});
    roster.put_back(roster.take_seen());
    EXPECT_LE(roster.all().size(), static_cast<std::size_t>(kHosts));
  }
  threads.clear();
  EXPECT_EQ(roster.size(), static_cast<std::size_t>(kHosts));
}

Host a_host(HostId id) {
  Host host{.id = id,
            .identifier = fmt::format("4C4C4544-0042-{:04X}-8052-{:012X}", id % 65536, id),
            .name = fmt::format("host-{}.example.test", id),
            .platform = "debian",
            .version = "5.23.0",
            .tags = {1, 5, id % 10 + 10}};
  host.uuid = host.identifier;
  host.instance = host.identifier;
  host.os = "Debian GNU/Linux";
  host.os_version = "12 (bookworm)";
  host.arch = "x86_64";
  host.kernel = "6.1.0-18-amd64";
  host.vendor = "Dell Inc.";
  host.model = "PowerEdge R640";
  host.cpu = "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz";
  host.address = "10.1.2.3";
  host.promise = 60;
  return host;
}

// Prints what the architecture page tells; holds only what does not depend on the machine's load.
TEST(Roster, AHundredThousandHosts) {
  constexpr HostId kHosts = 100'000;
  constexpr std::int64_t kNow = 1'795'000'000'000;
  const auto before = mallinfo2().uordblks;
  Roster roster;
  for (HostId id = 1; id <= kHosts; ++id)
    roster.put(std::make_shared<const Host>(a_host(id)), {kNow, 0, kNow - id, 0, 0});
  const auto bytes = (mallinfo2().uordblks - before) / kHosts;
  EXPECT_LT(bytes, 1400U);

  // Processor time: others may be at work on the machine.
  const auto spent = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  const auto timed = [&](std::int64_t times, const auto& work) {
    const auto start = spent();
    for (std::int64_t i = 1; i <= times; ++i) work(i);
    return (spent() - start) / static_cast<double>(times);
  };
  const auto next = [](std::int64_t i) { return i * 7919 % kHosts + 1; };
  const auto find_ns = timed(200'000, [&](std::int64_t i) { EXPECT_TRUE(roster.find(next(i))); });
  const auto seen_ns =
      timed(200'000, [&](std::int64_t i) { roster.seen(next(i), Sign::distributed, "10.1.2.3", {kNow + i}); });
  const auto take_ns = timed(1, [&](std::int64_t) { EXPECT_THAT(roster.take_seen(), SizeIs(kHosts)); });
  const auto list_ns = timed(5, [&](std::int64_t) {
    EXPECT_THAT(search(roster, {.sort = Sort::name, .limit = 100}, {}, {kNow}).hosts, SizeIs(100));
  });
  const auto text_ns = timed(5, [&](std::int64_t) {
    EXPECT_THAT(search(roster, {.filter = {.text = "HOST-99999"}, .limit = 100}, {}, {kNow}).hosts, SizeIs(1));
  });
  const auto count_ns = timed(5, [&](std::int64_t) { EXPECT_EQ(count(roster, {}, {}, {kNow}).total, kHosts); });
  const auto all_ns = timed(5, [&](std::int64_t) { EXPECT_THAT(roster.all(), SizeIs(kHosts)); });
  fmt::print(
      "100,000 hosts: {} bytes a host; find {:.0f} ns, seen {:.0f} ns; first page by name {:.1f} ms, search by text "
      "{:.1f} ms, counts {:.1f} ms, all() {:.1f} ms, taking what all were seen doing {:.1f} ms\n",
      bytes, find_ns, seen_ns, list_ns / 1e6, text_ns / 1e6, count_ns / 1e6, all_ns / 1e6, take_ns / 1e6);
}

}  // namespace
}  // namespace osprey::server::hosts
