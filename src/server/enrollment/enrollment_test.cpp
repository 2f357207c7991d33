#include "server/enrollment/enrollment.h"

#include <gmock/gmock.h>

#include <soci/soci.h>

#include <latch>
#include <thread>

#include "server/api/problem.h"
#include "server/enrollment/conflicts.h"
#include "server/enrollment/failures.h"
#include "server/enrollment/fixture_test.h"

namespace osprey::server::enrollment {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr auto* kUuid = "4c4c4544-0031-3010-8050-b4c04f4e3232";
constexpr auto* kOtherUuid = "5d5d4544-0031-3010-8050-b4c04f4e3232";

class EnrollmentTest : public EnrollmentFixture {
 protected:
  std::vector<Failure> failures() {
    enrollment().settle();
    return list_failures(database(), {})->items;
  }
  std::vector<Conflict> conflicts() {
    enrollment().settle();
    return list_conflicts(database(), {})->items;
  }
  Secret secret(std::int64_t id) {
    return *database().write(
        [&](db::Transaction& transaction) -> Result<Secret> { return *secret_by_id(transaction, id); });
  }
};
// A server's database whose messages do not come.
class Deaf final : public db::Database {
 public:
  explicit Deaf(db::Database& behind) : behind_(behind) {}
  db::Dialect dialect() const override { return behind_.dialect(); }
  void listen(std::string, OnMessage, std::function<void()>) override {}
  Result<void> migrate(std::span<const db::Schema> schemas) override { return behind_.migrate(schemas); }
  Counts counts() const override { return behind_.counts(); }

 protected:
  Result<void> run_read(std::chrono::milliseconds statement, const std::function<void(soci::session&)>& work) override {
    return behind_.read_within(statement, work);
  }
  Result<void> run_write(const std::function<Result<void>(db::Transaction&)>& work) override {
    return behind_.write(work);
  }

 private:
  db::Database& behind_;
};
INSTANTIATE_TEST_SUITE_P(Databases, EnrollmentTest, db::both_dialects(), db::dialect_name);

TEST_P(EnrollmentTest, SRV02_ARightSecretGivesANodeKeyWithTheSecretsTags) {
  const auto id = add({.text = "right-secret", .tags = {3, 5}});
  const auto key = enroll(request("web-1", kUuid));
  EXPECT_EQ(key.size(), 64U);
  EXPECT_EQ(host_of(key), 1);
  EXPECT_EQ(hosts.find(1)->identifier, "web-1");
  EXPECT_THAT(hosts.find(1)->tags, ElementsAre(3, 5));
  EXPECT_EQ(secret(id).uses, 1);
  EXPECT_EQ(secret(id).last_used_at, now());
}

TEST_P(EnrollmentTest, KeysAreKnownAfterARestartAndStoredOnlyAsHashes) {
  add({.text = "right-secret"});
  const auto key = enroll(request("web-1"));
  open_with({});
  EXPECT_EQ(host_of(key), 1);
  const auto pattern = "%" + key + "%";
  const auto stored = database().read([&](soci::session& sql) {
    int rows = 0;
    sql << "SELECT count(*) FROM enrollment_key WHERE CAST(key_hash AS TEXT) LIKE :key", soci::use(pattern),
        soci::into(rows);
    return rows;
  });
  EXPECT_EQ(stored.value_or(-1), 0);
}

TEST_P(EnrollmentTest, AWrongRevokedOrExpiredSecretIsRefusedAndListedWithoutItsText) {
  const auto revoked = add({.name = "old", .text = "revoked-secret"});
  ASSERT_TRUE(
      database().write([&](db::Transaction& transaction) { return revoke_secret(transaction, revoked, now()); }));
  add({.name = "short", .text = "expired-secret", .expires_at = Timestamp{now().ms + 1000}});
  auto asked = request("web-1");
  asked.secret = "revoked-secret";
  EXPECT_THAT(try_enroll(asked).error().text(), HasSubstr("revoked"));
  asked.secret = "expired-secret";
  EXPECT_TRUE(try_enroll(asked));
  pass(seconds(1));
  EXPECT_THAT(try_enroll(asked).error().text(), HasSubstr("expired"));
  for (const std::string wrong : {"wrong-secret", "' OR '1'='1", ""}) {
    asked.secret = wrong;
    const auto refused = try_enroll(asked);
    EXPECT_EQ(refused.error().code, api::kForbidden) << wrong;
  }
  std::vector<std::string> listed;
  for (const auto& failure : failures()) {
    listed.push_back(failure.secret.substr(0, 8) + "/" + failure.reason + "/" + failure.address);
    EXPECT_EQ(failure.identifier, "web-1");
    EXPECT_THAT(failure.secret, testing::Not(HasSubstr("secret")));
  }
  EXPECT_THAT(listed, UnorderedElementsAre("old/revoked/192.0.2.1", "short/expired/192.0.2.1",
                                           "unknown /unknown_secret/192.0.2.1", "unknown /unknown_secret/192.0.2.1",
                                           "unknown /unknown_secret/192.0.2.1"));
}

TEST_P(EnrollmentTest, AUseLimitHoldsUnder16Threads) {
  constexpr int kThreads = 16;
  constexpr int kLimit = 5;
  const auto id = add({.text = "right-secret", .use_limit = kLimit});
  enrollment();
  std::latch start(kThreads);
  std::atomic<int> enrolled{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      const auto key = try_enroll(request("host-" + std::to_string(t)));
      if (key) ++enrolled;
      if (!key && key.error().code == api::kForbidden) ++refused;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(enrolled, kLimit);
  EXPECT_EQ(refused, kThreads - kLimit);
  EXPECT_EQ(secret(id).uses, kLimit);
}

TEST_P(EnrollmentTest, AHostThatEnrolsAgainKeepsItsIdAndItsFormerKeyEnds) {
  const auto id = add({.text = "right-secret", .use_limit = 1});
  const auto former = enroll(request("web-1", kUuid, "i1"));
  const auto later = enroll(request("web-1", "4C4C4544-0031-3010-8050-B4C04F4E3232", "reinstalled"));
  EXPECT_EQ(host_of(later), 1);
  EXPECT_EQ(hosts.again, 1);
  EXPECT_EQ(secret(id).uses, 1);
  EXPECT_EQ(host_of(former), 1);  // what was on its way
  pass(minutes(16));
  EXPECT_EQ(host_of(former), 0);
  EXPECT_EQ(host_of(later), 1);
  open_with({});
  EXPECT_NE(host_of(former), 1);
  EXPECT_EQ(host_of(later), 1);
  EXPECT_THAT(conflicts(), IsEmpty());
}

TEST_P(EnrollmentTest, ALostReplyStrandsNobody) {
  add({.text = "right-secret"});
  const auto former = enroll(request("web-1", kUuid));
  const auto lost = enroll(request("web-1", kUuid));
  pass(minutes(10));
  EXPECT_EQ(host_of(former), 1);
  const auto later = enroll(request("web-1", kUuid));
  pass(minutes(6));
  EXPECT_EQ(host_of(later), 1);
  EXPECT_EQ(host_of(former), 0);
  EXPECT_THAT(conflicts(), IsEmpty());
}

TEST_P(EnrollmentTest, AClonedMachineThatLooksTheSameBecomesAHostOfItsOwn) {
  add({.text = "right-secret", .tags = {9}});
  const auto original = enroll(request("web-1", kUuid, "i1"));
  auto asked = request("web-1", kUuid, "i1");
  asked.address = "192.0.2.2";
  const auto clone = enroll(asked);
  EXPECT_EQ(host_of(clone), 1);
  enrollment().settle();
  pass(minutes(3));
  EXPECT_EQ(host_of(original), 1);  // it lives on
  const auto found = conflicts();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].identifier, "web-1");
  EXPECT_EQ(found[0].host, 1);
  EXPECT_EQ(found[0].other_host, 2);
  EXPECT_EQ(found[0].other_address, "192.0.2.2");
  EXPECT_EQ(found[0].kind, ConflictKind::same_machine);
  pass(hours(1));
  EXPECT_EQ(host_of(original), 1);
  EXPECT_EQ(host_of(clone), 2);
  EXPECT_THAT(hosts.find(2)->tags, ElementsAre(9));
  // Each finds itself again, by its address where nothing else differs.
  EXPECT_EQ(host_of(enroll(asked)), 2);
  EXPECT_EQ(host_of(enroll(request("web-1", kUuid, "i1"))), 1);
}

TEST_P(EnrollmentTest, TheSameIdentifierOnOtherHardwareIsAnotherHost) {
  add({.text = "right-secret"});
  const auto first = enroll(request("localhost", kUuid));
  const auto second = enroll(request("localhost", kOtherUuid));
  EXPECT_EQ(host_of(first), 1);
  EXPECT_EQ(host_of(second), 2);
  EXPECT_THAT(conflicts(), IsEmpty());  // the first may be no more
  pass(hours(1));
  EXPECT_EQ(host_of(first), 1);
  const auto found = conflicts();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, ConflictKind::same_identifier);
  EXPECT_EQ(host_of(enroll(request("localhost", kUuid))), 1);
  EXPECT_EQ(host_of(enroll(request("localhost", kOtherUuid))), 2);
}

TEST_P(EnrollmentTest, AKeyThatTwoMachinesShareIsListed) {
  add({.text = "right-secret"});
  const auto key = enroll(request("web-1", kUuid));
  const auto use = [&](std::string_view address) { EXPECT_EQ(enrollment().recall(key, address)->host, 1); };
  for (int moves = 0; moves < 100; ++moves) use("192.0.2." + std::to_string(moves));  // a machine on its way
  for (int times = 0; times < 20; ++times) use(times % 2 == 0 ? "192.0.2.1" : "2001:db8::1");
  pass(hours(1));
  for (int times = 0; times < 20; ++times) use(times % 2 == 0 ? "192.0.2.1" : "2001:db8::1");
  EXPECT_THAT(conflicts(), IsEmpty());
  for (int times = 0; times < 200; ++times) use(times % 2 == 0 ? "192.0.2.1" : "198.51.100.2");
  const auto found = conflicts();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, ConflictKind::shared_key);
  EXPECT_EQ(found[0].host, found[0].other_host);
  EXPECT_THAT((std::set{found[0].address, found[0].other_address}), ElementsAre("192.0.2.1", "198.51.100.2"));
}

TEST_P(EnrollmentTest, PlaceholdersOfHardwareTellNobodyApart) {
  add({.text = "right-secret"});
  enroll(request("web-1", "03000200-0400-0500-0006-000700080009", "i1"));
  EXPECT_EQ(host_of(enroll(request("web-1", "00000000-0000-0000-0000-000000000000", "i1"))), 1);
  EXPECT_EQ(host_of(enroll(request("web-1", kUuid, "i1"))), 1);
  EXPECT_EQ(host_of(enroll(request("web-1", "", "i2"))), 2);
  EXPECT_EQ(host_of(enroll(request("web-2", kUuid, "i1"))), 3);
}

TEST_P(EnrollmentTest, TheSameMachineFromManyThreadsIsOneHost) {
  add({.text = "right-secret"});
  enrollment();
  std::latch start(8);
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::set<hosts::HostId> ids;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      start.arrive_and_wait();
      const auto key = try_enroll(request("web-1", kUuid, "i1"));
      const std::lock_guard lock(mutex);
      ids.insert(key ? host_of(*key) : -2);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_FALSE(ids.contains(-2));
}

TEST_P(EnrollmentTest, ARevokedKeyIsOfNoUseAndMayOrMayNotBeReplaced) {
  add({.text = "right-secret"});
  const auto stolen = enroll(request("web-1", kUuid));
  revoke(1, true);
  EXPECT_TRUE(eventually([&] { return host_of(stolen) != 1; }));
  EXPECT_EQ(enrollment().look_up(stolen, kAddress)->host, 0);
  EXPECT_EQ(host_of(stolen), 0);
  const auto again = enroll(request("web-1", kUuid));
  EXPECT_EQ(host_of(again), 1);
  revoke(1, false);
  EXPECT_TRUE(eventually([&] { return host_of(again) != 1; }));
  EXPECT_EQ(try_enroll(request("web-1", kUuid)).error().code, api::kForbidden);
  EXPECT_EQ(try_enroll(request("another-name", kUuid)).error().code, api::kForbidden);
  EXPECT_EQ(failures().at(0).reason, "blocked");
  revoke(1, true);
  pass(hours(2));
  EXPECT_EQ(host_of(enroll(request("web-1", kUuid))), 1);
}

TEST_P(EnrollmentTest, AnotherServerKnowsOfKeysAndRevocations) {
  add({.text = "right-secret"});
  const auto theirs = GetParam() == db::Dialect::postgresql ? open_another() : nullptr;
  auto their_services = services;
  if (theirs) their_services.database = theirs.get();
  const auto other = *open(their_services, {});
  const auto key = enroll(request("web-1", kUuid));
  EXPECT_TRUE(eventually([&] { return other->recall(key, kAddress).has_value(); }));
  EXPECT_EQ(other->recall(key, kAddress)->host, 1);
  revoke(1, true);
  EXPECT_TRUE(eventually([&] { return !other->recall(key, kAddress).has_value(); }));
}

TEST_P(EnrollmentTest, AKeyIsFoundInTheDatabaseWhereMemoryMissedIt) {
  add({.text = "right-secret"});
  const auto key = enroll(request("web-1"));
  revoke(1, true);
  EXPECT_TRUE(eventually([&] { return !enrollment().recall(key, kAddress); }));
  EXPECT_EQ(enrollment().look_up(key, kAddress)->host, 0);
  const auto text = enrollment().look_up("no key of ours", kAddress);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->host, 0);
}

TEST_P(EnrollmentTest, AFloodOfWrongKeysDoesNotFloodTheDatabase) {
  open_with({.unknown_keys = 20});
  const auto before = database().counts().reads;
  int refused = 0;
  const std::string digits = "0123456789abcdef";
  for (int i = 0; i < 1000; ++i) {
    std::string key(64, 'a');
    key[0] = digits[i % 16], key[1] = digits[i / 16 % 16], key[2] = digits[i / 256 % 16];
    for (int repeated = 0; repeated < 2; ++repeated)
      if (const auto known = enrollment().look_up(key, kAddress); !known) {
        ++refused;
        EXPECT_EQ(known.error().code, db::kUnavailable);
      } else {
        EXPECT_EQ(known->host, 0);
      }
  }
  EXPECT_EQ(refused, 2 * (1000 - 20));
  EXPECT_EQ(database().counts().reads - before, 20U);
}

// Another server's, whose messages have not come yet.
TEST_P(EnrollmentTest, KeysThatTheDatabaseKnowsAreLookedUpHoweverManyComeAtOnce) {
  add({.text = "right-secret"});
  Deaf deaf(database());
  auto their_services = services;
  their_services.database = &deaf;
  const auto other = *open(their_services, {.unknown_keys = 1});
  for (int i = 0; i < 5; ++i) {
    const auto key = enroll(request("web-" + std::to_string(i)));
    EXPECT_FALSE(other->recall(key, kAddress));
    const auto known = other->look_up(key, kAddress);
    ASSERT_TRUE(known) << known.error().text();
    EXPECT_NE(known->host, 0);
  }
}

TEST_P(EnrollmentTest, AnAddressThatFailsAgainAndAgainWaitsLongerAndLonger) {
  add({.text = "right-secret"});
  auto asked = request("web-1");
  for (int i = 0; i < 11; ++i) {
    asked.secret = "guess-" + std::to_string(i);
    EXPECT_EQ(try_enroll(asked).error().code, api::kForbidden);
  }
  asked.secret = "right-secret";
  const auto refused = try_enroll(asked);
  EXPECT_EQ(refused.error().code, api::kTooMany);
  EXPECT_THAT(refused.error().text(), HasSubstr("try again in 1 s"));
  asked.address = "192.0.2.99";
  EXPECT_TRUE(try_enroll(asked));
  asked.address = "192.0.2.1";
  pass(seconds(1));
  EXPECT_TRUE(try_enroll(asked));
}

TEST_P(EnrollmentTest, OneWrongSecretDoesNotLockOutOthersBehindTheSameAddress) {
  add({.text = "right-secret"});
  auto wrong = request("web-1");
  wrong.secret = "wrong-secret";
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(try_enroll(wrong));
  EXPECT_EQ(try_enroll(wrong).error().code, api::kTooMany);
  EXPECT_TRUE(try_enroll(request("web-2")));
  EXPECT_EQ(failures().size(), 2U);  // unknown_secret and cool_down
}

TEST_P(EnrollmentTest, AHostThatEnrolsInALoopIsSlowedDown) {
  add({.text = "right-secret"});
  for (int i = 0; i < 11; ++i) EXPECT_TRUE(try_enroll(request("web-1", kUuid)));
  EXPECT_EQ(try_enroll(request("web-1", kUuid)).error().code, api::kTooMany);
  EXPECT_TRUE(try_enroll(request("web-2", kOtherUuid)));
  pass(hours(2));
  EXPECT_TRUE(try_enroll(request("web-1", kUuid)));
}

TEST_P(EnrollmentTest, TheIdentifierIsTheOneThatIsChosen) {
  add({.text = "right-secret"});
  open_with({.identifier = Identifier::hardware_uuid});
  enroll(request("web-1", kUuid, "i1"));
  EXPECT_EQ(hosts.find(1)->identifier, kUuid);
  enroll(request("web-1", "", "i1"));
  EXPECT_EQ(hosts.find(2)->identifier, "web-1");
  open_with({.identifier = Identifier::instance_id});
  enroll(request("web-1", kUuid, "i3"));
  EXPECT_EQ(hosts.find(3)->identifier, "i3");
}

TEST_P(EnrollmentTest, ACertificateMustNameTheHostIfThatIsWanted) {
  add({.text = "right-secret"});
  open_with({.certificate_names_host = true});
  auto asked = request("web-1");
  EXPECT_EQ(try_enroll(asked).error().code, api::kForbidden);
  asked.certificate = "CN=web-2,O=fleet";
  EXPECT_EQ(try_enroll(asked).error().code, api::kForbidden);
  asked.certificate = "O=fleet,CN=web-1";
  EXPECT_TRUE(try_enroll(asked));
  EXPECT_EQ(failures().at(0).reason, "certificate");
}

TEST_P(EnrollmentTest, WhatHostsSayOfThemselvesIsTextAndNothingElse) {
  add({.text = "right-secret"});
  const std::string names[] = {"'; DROP TABLE enrollment_host; --", "<script>alert(1)</script>", ":identifier $1",
                               "../../etc/passwd", "жук"};
  hosts::HostId id = 0;
  for (const auto& name : names) {
    enroll(request(name, "", name));
    ++id;
    EXPECT_EQ(hosts.find(id)->identifier, name);
    EXPECT_EQ(host_of(enroll(request(name, "", name))), id);
  }
  for (const auto& name : {std::string(), std::string(600, 'x'), std::string("a\nb"), std::string("a\0b", 3)})
    EXPECT_EQ(try_enroll(request(name)).error().code, api::kInvalid);
}

TEST_P(EnrollmentTest, AHostThatWasRemovedMustEnrolAnew) {
  add({.text = "right-secret"});
  const auto key = enroll(request("web-1", kUuid));
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) { return hosts.remover(transaction, 1); }));
  EXPECT_TRUE(eventually([&] { return host_of(key) != 1; }));
  EXPECT_EQ(enrollment().look_up(key, kAddress)->host, 0);
  EXPECT_EQ(host_of(enroll(request("web-1", kUuid))), 2);
}

TEST_P(EnrollmentTest, ASecretInUseKeepsItsTags) {
  const auto id = add({.name = "web", .text = "right-secret", .tags = {3}});
  EXPECT_THAT(*secrets_with(database(), 3), ElementsAre("enrollment secret 1 «web»"));
  EXPECT_THAT(*secrets_with(database(), 4), IsEmpty());
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) { return revoke_secret(transaction, id, now()); }));
  EXPECT_THAT(*secrets_with(database(), 3), IsEmpty());
}

TEST_P(EnrollmentTest, TheFirstStartMakesOneSecret) {
  EXPECT_TRUE(*make_default_secret(database(), now()));
  EXPECT_FALSE(*make_default_secret(database(), now()));
  const auto secrets = list_secrets(database());
  ASSERT_EQ(secrets->size(), 1U);
  EXPECT_EQ(secrets->at(0).name, "default");
}

}  // namespace
}  // namespace osprey::server::enrollment
