// Identity through its endpoints, as a browser and a program use them (SRV-15).
#include "server/identity/identity.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <soci/soci.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/hex.h"
#include "server/activity/activity.h"
#include "server/api/idempotency.h"
#include "server/api/testing.h"
#include "server/db/test_database.h"
#include "server/identity/administrators.h"
#include "server/identity/attempts.h"
#include "server/identity/authenticator.h"
#include "server/identity/sessions.h"
#include "server/identity/tokens.h"
#include "server/identity/totp.h"
#include "server/secret.h"

namespace osprey::server::identity {
namespace {

using api::testing::Reply;
using http::Method;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kPassword = "a password of mine";

// A browser: cookie and CSRF token.
struct Browser {
  std::string cookie, csrf;
  http::Headers headers() const { return {{"cookie", cookie}, {"x-csrf-token", csrf}}; }
};

std::string cookie_of(const Reply& reply) {
  const auto set = reply.header("set-cookie");
  return set.substr(0, set.find(';'));
}

class IdentityTest : public db::DatabaseTest {
 protected:
  IdentityTest() {
    migrate(schema(), activity::schema(), api::schema());
    services.clock = [this] { return Timestamp{now}; };
    services.database = &database();
    services.passwords = &passwords;
    restart();
    mount(options);
    hash = *passwords.hash(kPassword);
    admin = add("ada", Role::administer);
  }

  // A server's memory is gone.
  void restart() {
    authenticator.reset();
    // Written down when a test says so.
    authenticator.emplace(database(), services.clock, AuthenticatorOptions{.flush = std::chrono::hours(1)});
    services.identity = &*authenticator;
  }
  void mount(api::Options with) {
    router.emplace();
    ASSERT_TRUE(api::mount(*router, api::endpoints(), services, std::move(with)));
  }

  std::int64_t add(const std::string& name, Role role, bool must_change = false) {
    const auto made = database().write(
        [&](db::Transaction& transaction) { return create(transaction, {name, role, hash, must_change}, {now}); });
    return made ? made->id : throw std::runtime_error(made.error().text());
  }
  Reply ask(Method method, std::string path, std::string body = {}, http::Headers headers = {},
            std::string peer = "192.0.2.1") {
    return api::testing::ask(*router, method, std::move(path), std::move(body), std::move(headers), std::move(peer));
  }
  Reply try_sign_in(std::string_view name, std::string_view password, std::string_view code = {},
                    std::string peer = "192.0.2.1") {
    boost::json::object body{{"name", name}, {"password", password}};
    if (!code.empty()) body["code"] = code;
    return ask(Method::post, "/api/v1/sign_in", boost::json::serialize(body), {}, std::move(peer));
  }
  Browser sign_in(std::string_view name = "ada", std::string_view password = kPassword) {
    const auto reply = try_sign_in(name, password);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return {cookie_of(reply), std::string(reply.json().at("csrf_token").as_string())};
  }
  // What it answers once other servers have been told; they are at once, but on another thread.
  unsigned status_in_time(const http::Headers& headers, unsigned wanted, std::string path = "/api/v1/me") {
    for (int i = 0; i < 500; ++i) {
      if (const auto status = ask(Method::get, path, {}, headers).status; status == wanted) return status;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return ask(Method::get, path, {}, headers).status;
  }
  http::Headers token(Role scope, std::int64_t administrator, std::optional<Timestamp> expires = {}) {
    const auto made = database().write([&](db::Transaction& transaction) {
      return create(transaction, NewToken{administrator, "test", scope, expires}, {now});
    });
    return {{"authorization", "Bearer " + made->secret}};
  }
  template <class T = long long>
  T value(const std::string& statement) {
    return *database().read([&](soci::session& sql) {
      T found{};
      sql << statement, soci::into(found);
      return found;
    });
  }

  std::int64_t now = 1'800'000'000'000;
  Passwords passwords{PasswordOptions{.memory_kib = 64, .passes = 1, .parallel = 8, .waiting = 64}};
  api::Options options{.of_administrator = {100'000, 100'000}, .of_address = {100'000, 100'000}};
  Services services;
  std::optional<Authenticator> authenticator;
  std::optional<http::Router> router;
  std::string hash;
  std::int64_t admin = 0;
};
INSTANTIATE_TEST_SUITE_P(Databases, IdentityTest, db::both_dialects(), db::dialect_name);

TEST_P(IdentityTest, TheFirstStartMakesOneAdministratorAndTellsThePasswordOnce) {
  ASSERT_TRUE(database().write([](db::Transaction& transaction) -> Result<void> {
    transaction.sql() << "DELETE FROM administrators";
    return {};
  }));
  const auto password = make_first_administrator(database(), passwords, {now});
  ASSERT_TRUE(password && *password);
  EXPECT_FALSE(*make_first_administrator(database(), passwords, {now}));
  const auto browser = sign_in("admin", **password);
  EXPECT_EQ(ask(Method::get, "/api/v1/administrators", {}, browser.headers()).status, 200);
}

TEST_P(IdentityTest, AGivenPasswordIsChangedBeforeAnythingElse) {
  add("bea", Role::administer, true);
  const auto browser = sign_in("bea");
  const auto me = ask(Method::get, "/api/v1/me", {}, browser.headers()).json();
  EXPECT_EQ(me.at("permission").as_string(), "signed_in");
  EXPECT_TRUE(me.at("administrator").at("must_change_password").as_bool());
  const auto refused = ask(Method::get, "/api/v1/administrators", {}, browser.headers());
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("change your password first"));
  const auto token = ask(Method::post, "/api/v1/me/tokens", R"({"name":"t","scope":"view"})", browser.headers());
  EXPECT_EQ(token.status, 403);
  const auto change = [&](std::string_view from, std::string_view to) {
    return ask(Method::put, "/api/v1/me/password",
               boost::json::serialize(boost::json::object{{"password", from}, {"new_password", to}}),
               browser.headers());
  };
  EXPECT_EQ(change(kPassword, kPassword).status, 422);
  EXPECT_EQ(change(kPassword, "too short").status, 422);
  EXPECT_EQ(change("not the password", "another of mine").status, 403);
  const auto changed = change(kPassword, "another of mine");
  ASSERT_EQ(changed.status, 204) << changed.body;
  EXPECT_EQ(ask(Method::get, "/api/v1/administrators", {}, {{"cookie", cookie_of(changed)}}).status, 200);
  EXPECT_EQ(status_in_time(browser.headers(), 401), 401U);
}

TEST_P(IdentityTest, ASessionIsACookieThatScriptsAndOtherSitesCannotUse) {
  const auto reply = try_sign_in("ada", kPassword);
  ASSERT_EQ(reply.status, 200);
  const auto cookie = reply.header("set-cookie");
  EXPECT_THAT(cookie, StartsWith("osprey_session="));
  for (const auto* word : {"; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"})
    EXPECT_THAT(cookie, HasSubstr(word));
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, {{"cookie", "a=b; " + cookie_of(reply) + "; c=d"}}).status, 200);
  // Nothing that the database holds signs in.
  const auto kept = value<std::string>("SELECT hash FROM sessions");
  EXPECT_THAT(cookie, Not(HasSubstr(kept)));
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, {{"cookie", "osprey_session=" + kept}}).status, 401);
}

TEST_P(IdentityTest, SessionsAreNewWithEachSignIn) {
  const auto planted = "osprey_session=" + random_secret();
  const auto reply = ask(Method::post, "/api/v1/sign_in", fmt::format(R"({{"name":"ada","password":"{}"}})", kPassword),
                         {{"cookie", planted}});
  ASSERT_EQ(reply.status, 200);
  EXPECT_NE(cookie_of(reply), planted);
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, {{"cookie", planted}}).status, 401);
  // Two cookies of the name: one was planted, and nobody knows which.
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, {{"cookie", planted + "; " + cookie_of(reply)}}).status, 401);
}

TEST_P(IdentityTest, WhatChangesSomethingNeedsTheSessionsOwnCsrfToken) {
  const auto mine = sign_in();
  const auto other = sign_in();
  const auto make = [&](http::Headers headers) {
    return ask(Method::post, "/api/v1/me/tokens", R"({"name":"t","scope":"view"})", std::move(headers)).status;
  };
  EXPECT_EQ(make({{"cookie", mine.cookie}}), 403U);
  EXPECT_EQ(make({{"cookie", mine.cookie}, {"x-csrf-token", ""}}), 403U);
  EXPECT_EQ(make({{"cookie", mine.cookie}, {"x-csrf-token", std::string(64, '0')}}), 403U);
  EXPECT_EQ(make({{"cookie", mine.cookie}, {"x-csrf-token", other.csrf}}), 403U);
  EXPECT_EQ(make(mine.headers()), 201U);
  const auto me = ask(Method::get, "/api/v1/me", {}, {{"cookie", mine.cookie}});
  EXPECT_EQ(me.json().at("csrf_token").as_string(), mine.csrf);
}

TEST_P(IdentityTest, SessionsEndIdleAndInAnyCase) {
  const auto idle = sign_in();
  const auto busy = sign_in();
  for (std::int64_t passed = 0; passed + kSessionIdleMs / 2 < kSessionMostMs; passed += kSessionIdleMs / 2) {
    EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, busy.headers()).status, 200) << passed;
    now += kSessionIdleMs / 2;
    if (passed == kSessionIdleMs) {
      EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, idle.headers()).status, 401);
      // What was used is written down, and known to a server that starts.
      restart();
    }
  }
  now += kSessionIdleMs / 2;
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, busy.headers()).status, 401);
}

TEST_P(IdentityTest, ARememberedCredentialCostsNoDatabase) {
  const auto browser = sign_in();
  const auto headers = token(Role::view, admin);
  for (const auto& each : {browser.headers(), headers}) {
    http::RequestHead head;
    head.headers = each;
    ASSERT_TRUE(authenticator->authenticate(head));
    const auto before = database().counts();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(authenticator->authenticate(head));
    EXPECT_EQ(database().counts().reads, before.reads);
    EXPECT_EQ(database().counts().writes, before.writes);
  }
  ASSERT_TRUE(authenticator->flush());
  EXPECT_EQ(value("SELECT used_at FROM api_tokens"), now);
}

TEST_P(IdentityTest, SessionsAreListedAndEnded) {
  const auto mine = sign_in();
  const auto other = sign_in();
  const auto third = sign_in();
  auto list = ask(Method::get, "/api/v1/me/sessions", {}, mine.headers()).json();
  ASSERT_EQ(list.at("items").as_array().size(), 3U);
  EXPECT_FALSE(list.at("items").at(1).at("current").as_bool());
  EXPECT_TRUE(list.at("items").at(2).at("current").as_bool());
  const auto id = list.at("items").at(1).at("id").as_int64();
  EXPECT_EQ(ask(Method::delete_, fmt::format("/api/v1/me/sessions/{}", id), {}, mine.headers()).status, 204);
  EXPECT_EQ(ask(Method::delete_, fmt::format("/api/v1/me/sessions/{}", id), {}, mine.headers()).status, 404);
  EXPECT_EQ(status_in_time(other.headers(), 401), 401U);
  EXPECT_EQ(ask(Method::delete_, "/api/v1/me/sessions", {}, mine.headers()).status, 204);
  EXPECT_EQ(status_in_time(third.headers(), 401), 401U);
  const auto out = ask(Method::post, "/api/v1/sign_out", {}, mine.headers());
  EXPECT_EQ(out.status, 204);
  EXPECT_THAT(out.header("set-cookie"), HasSubstr("Max-Age=0"));
  EXPECT_EQ(status_in_time(mine.headers(), 401), 401U);
  // Somebody else's is not there.
  add("eve", Role::view);
  const auto eve = sign_in("eve");
  const auto again = sign_in();
  list = ask(Method::get, "/api/v1/me/sessions", {}, again.headers()).json();
  const auto path = fmt::format("/api/v1/me/sessions/{}", list.at("items").at(0).at("id").as_int64());
  EXPECT_EQ(ask(Method::delete_, path, {}, eve.headers()).status, 404);
}

TEST_P(IdentityTest, WrongNamesAndPasswordsAreToldAlike) {
  add("off", Role::view);
  ASSERT_TRUE(database().write([](db::Transaction& transaction) -> Result<void> {
    transaction.sql() << "UPDATE administrators SET disabled = 1 WHERE name = 'off'";
    return {};
  }));
  const auto wrong = try_sign_in("ada", "not the password");
  const auto unknown = try_sign_in("nobody", kPassword);
  const auto disabled = try_sign_in("off", kPassword);
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(unknown.body, wrong.body);
  EXPECT_EQ(disabled.body, wrong.body);
}

TEST_P(IdentityTest, GuessingIsMadeSlowAndTheOwnerStillGetsIn) {
  sign_in();  // from 192.0.2.1
  const auto guess = [&] { return try_sign_in("ada", "a guess of theirs", {}, "203.0.113.9").status; };
  for (int i = 0; i < kFreeTriesOfName; ++i) EXPECT_EQ(guess(), 403U) << i;
  EXPECT_EQ(guess(), 429U);
  // Also the right one, and from elsewhere, and at another server.
  restart();
  EXPECT_EQ(try_sign_in("ada", kPassword, {}, "198.51.100.7").status, 429);
  // But from where the owner has been before.
  sign_in();
  // Each further one waits longer, to a quarter of an hour.
  std::int64_t waited = 0;
  for (const auto seconds : {1, 2, 4, 8}) {
    now += seconds * 1000 - 1;
    EXPECT_EQ(guess(), 429U) << seconds;
    now += 1;
    EXPECT_EQ(guess(), 403U) << seconds;
    waited += seconds;
  }
  now += 16'000;
  EXPECT_EQ(try_sign_in("ada", kPassword, {}, "198.51.100.7").status, 200);
  EXPECT_EQ(guess(), 403U);
  EXPECT_EQ(delay_ms(1000, kFreeTriesOfName), kMostDelayMs);
  EXPECT_EQ(value("SELECT count(*) FROM activity WHERE verb = 'sign_in.locked'"), 1);
}

TEST_P(IdentityTest, AnAddressThatTriesManyNamesIsMadeSlow) {
  for (int i = 0; i < kFreeTriesOfAddress; ++i)
    EXPECT_EQ(try_sign_in(fmt::format("name{}", i), "a guess of theirs", {}, "2001:db8::1").status, 403) << i;
  // The whole network of it.
  EXPECT_EQ(try_sign_in("ada", kPassword, {}, "2001:db8::ffff").status, 429);
  EXPECT_EQ(try_sign_in("ada", kPassword, {}, "2001:db8:1::1").status, 200);
  // A name cannot be made to look like an owner's address.
  for (int i = 0; i < 2 * kFreeTriesOfName; ++i)
    try_sign_in("own 192.0.2.1 ada", "a guess of theirs", {}, fmt::format("198.51.100.{}", i));
  sign_in();
}

TEST_P(IdentityTest, GuessesAtOnceAreCountedAsThoseOneAfterTheOther) {
  std::atomic<int> looked_at = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int j = 0; j < 5; ++j) {
        const auto status = try_sign_in("ada", "a guess of theirs", {}, fmt::format("203.0.113.{}", 10 * i + j)).status;
        ++(status == 403 ? looked_at : refused);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(looked_at, kFreeTriesOfName);
  EXPECT_EQ(refused, 40 - kFreeTriesOfName);
}

TEST_P(IdentityTest, AConsoleResetLetsTheOwnerIn) {
  for (int i = 0; i <= kFreeTriesOfName; ++i) try_sign_in("ada", "a guess of theirs", {}, "203.0.113.9");
  const auto password = reset_password(database(), passwords, "ADA", {now});
  ASSERT_TRUE(password) << password.error().text();
  sign_in("ada", *password);
  EXPECT_FALSE(reset_password(database(), passwords, "nobody", {now}));
}

TEST_P(IdentityTest, CodesAreWantedOnceTheyAreOnAndCountOnce) {
  auto browser = sign_in();
  const auto own = fmt::format(R"({{"password":"{}"}})", kPassword);
  EXPECT_EQ(ask(Method::post, "/api/v1/me/totp", R"({"password":"not the password"})", browser.headers()).status, 403);
  const auto begun = ask(Method::post, "/api/v1/me/totp", own, browser.headers());
  ASSERT_EQ(begun.status, 200) << begun.body;
  EXPECT_THAT(std::string(begun.json().at("uri").as_string()), StartsWith("otpauth://totp/osprey:ada?secret="));
  const auto key = *from_hex(value<std::string>("SELECT totp_key FROM administrators"));
  sign_in();  // not yet wanted
  const auto code = [&] { return totp_code(key, now / 30'000); };
  EXPECT_EQ(ask(Method::put, "/api/v1/me/totp", R"({"code":"000000"})", browser.headers()).status, 422);
  const auto first = code();
  const auto on = ask(Method::put, "/api/v1/me/totp", fmt::format(R"({{"code":"{}"}})", first), browser.headers());
  ASSERT_EQ(on.status, 200) << on.body;
  browser.cookie = cookie_of(on);  // rotated
  EXPECT_EQ(on.json().at("recovery_codes").as_array().size(), 10U);

  const auto asked = try_sign_in("ada", kPassword);
  EXPECT_TRUE(asked.json().at("code_wanted").as_bool());
  EXPECT_EQ(asked.header("set-cookie"), "");
  EXPECT_EQ(try_sign_in("ada", kPassword, first).status, 403);  // it was shown before
  now += 60'000;
  EXPECT_EQ(try_sign_in("ada", "not the password", code()).status, 403);
  EXPECT_EQ(try_sign_in("ada", kPassword, code()).status, 200);
  EXPECT_EQ(try_sign_in("ada", kPassword, code()).status, 403);
  now += 60'000;
  const std::string recovery(on.json().at("recovery_codes").at(3).as_string());
  EXPECT_EQ(try_sign_in("ada", kPassword, recovery).status, 200);
  EXPECT_EQ(try_sign_in("ada", kPassword, recovery).status, 403);
  EXPECT_EQ(value("SELECT count(*) FROM recovery_codes"), 9);

  const auto me = ask(Method::get, "/api/v1/me", {}, {{"cookie", browser.cookie}});
  browser.csrf = std::string(me.json().at("csrf_token").as_string());
  ASSERT_EQ(ask(Method::post, "/api/v1/me/totp/remove", own, browser.headers()).status, 204);
  now += 60'000;
  sign_in();
}

TEST_P(IdentityTest, TokensDoWhatScopeAndRoleBothAllow) {
  const auto viewer = add("vic", Role::view);
  const auto sign = [&](const char* scope) {
    return ask(Method::post, "/api/v1/me/tokens", fmt::format(R"({{"name":"ci","scope":"{}"}})", scope),
               sign_in("vic").headers());
  };
  EXPECT_EQ(sign("run_live").status, 403);
  const auto made = sign("view");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string secret(made.json().at("secret").as_string());
  EXPECT_THAT(secret, StartsWith("osprey_"));
  EXPECT_EQ(secret.size(), 71U);
  EXPECT_EQ(made.header("location"), fmt::format("/api/v1/me/tokens/{}", made.json().at("token").at("id").as_int64()));
  const http::Headers bearer{{"authorization", "bearer " + secret}};
  const auto me = ask(Method::get, "/api/v1/me", {}, bearer).json();
  EXPECT_EQ(me.at("permission").as_string(), "view");
  EXPECT_TRUE(me.at("csrf_token").is_null());
  EXPECT_EQ(ask(Method::get, "/api/v1/administrators", {}, bearer).status, 403);
  // What a stolen one could outlive itself by.
  EXPECT_EQ(ask(Method::post, "/api/v1/me/tokens", R"({"name":"t","scope":"view"})", bearer).status, 403);
  // The role of now counts.
  const auto strong = token(Role::administer, viewer);
  EXPECT_EQ(ask(Method::get, "/api/v1/administrators", {}, strong).status, 403);
  const auto edited = ask(Method::patch, fmt::format("/api/v1/administrators/{}", viewer), R"({"role":"administer"})",
                          sign_in().headers());
  EXPECT_EQ(edited.status, 200) << edited.body;
  EXPECT_EQ(status_in_time(strong, 200, "/api/v1/administrators"), 200U);
  EXPECT_EQ(ask(Method::get, "/api/v1/administrators", {}, bearer).status, 403);
}

TEST_P(IdentityTest, TokensExpireAndAreRevokedAtEveryServer) {
  const auto headers = token(Role::view, admin, Timestamp{now + 1000});
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, headers).status, 200);
  now += 1000;
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, headers).status, 401);

  const auto browser = sign_in();
  const auto past = ask(Method::post, "/api/v1/me/tokens",
                        R"({"name":"t","scope":"view","expires":"2020-01-01T00:00:00Z"})", browser.headers());
  EXPECT_EQ(past.status, 422);
  const auto other = token(Role::view, admin);
  const auto other_database = GetParam() == db::Dialect::postgresql ? open_another() : nullptr;
  Authenticator elsewhere(other_database ? *other_database : database(), services.clock);
  http::RequestHead head;
  head.headers = other;
  ASSERT_TRUE(elsewhere.authenticate(head));
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, other).status, 200);
  const auto id = value("SELECT MAX(id) FROM api_tokens");
  EXPECT_EQ(ask(Method::delete_, fmt::format("/api/v1/tokens/{}", id), {}, browser.headers()).status, 204);
  EXPECT_EQ(ask(Method::delete_, fmt::format("/api/v1/tokens/{}", id), {}, browser.headers()).status, 404);
  EXPECT_EQ(status_in_time(other, 401), 401U);
  for (int i = 0; i < 500 && elsewhere.authenticate(head); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(elsewhere.authenticate(head));
  for (const auto* wrong : {"", "osprey_", "osprey_zz", "x"})
    EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, {{"authorization", fmt::format("Bearer {}", wrong)}}).status, 401);
}

TEST_P(IdentityTest, AMissedMessageIsSeenSoonAnyway) {
  const auto headers = token(Role::view, admin);
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, headers).status, 200);
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) -> Result<void> {
    transaction.sql() << "UPDATE api_tokens SET revoked_at = 1";
    return {};
  }));
  now += AuthenticatorOptions{}.remember_ms;
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, headers).status, 401);
}

TEST_P(IdentityTest, TheLastAdministratorStays) {
  const auto path = fmt::format("/api/v1/administrators/{}", admin);
  const auto headers = token(Role::administer, admin);
  EXPECT_EQ(ask(Method::delete_, path, {}, headers).status, 409);
  EXPECT_EQ(ask(Method::patch, path, R"({"role":"manage"})", headers).status, 409);
  EXPECT_EQ(ask(Method::patch, path, R"({"disabled":true})", headers).status, 409);
  EXPECT_EQ(ask(Method::patch, path, R"({"name":"Ada"})", headers).status, 200);
  const auto second = add("bea", Role::administer);
  // Two who take the role from each other at the same moment.
  const auto demote = [&](std::int64_t id) {
    return ask(Method::patch, fmt::format("/api/v1/administrators/{}", id), R"({"role":"view"})", headers).status;
  };
  unsigned one = 0;
  std::thread thread([&] { one = demote(admin); });
  const auto two = demote(second);
  thread.join();
  EXPECT_EQ(value("SELECT count(*) FROM administrators WHERE role = 'administer'"), 1) << one << ' ' << two;
}

TEST_P(IdentityTest, ADemotedOrDisabledAdministratorIsOut) {
  const auto id = add("bea", Role::administer);
  const auto bea = sign_in("bea");
  const auto bearer = token(Role::view, id);
  const auto headers = token(Role::administer, admin);
  const auto path = fmt::format("/api/v1/administrators/{}", id);
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, bea.headers()).status, 200);
  EXPECT_EQ(ask(Method::patch, path, R"({"role":"manage"})", headers).status, 200);
  EXPECT_EQ(status_in_time(bea.headers(), 401), 401U);
  EXPECT_EQ(ask(Method::get, "/api/v1/me", {}, bearer).status, 200);
  EXPECT_EQ(ask(Method::patch, path, R"({"disabled":true})", headers).status, 200);
  EXPECT_EQ(status_in_time(bearer, 401), 401U);
  EXPECT_EQ(try_sign_in("bea", kPassword).status, 403);
  EXPECT_EQ(ask(Method::delete_, path, {}, headers).status, 204);
  EXPECT_EQ(ask(Method::get, path, {}, headers).status, 404);
  EXPECT_EQ(value("SELECT count(*) FROM api_tokens"), 1);
}

TEST_P(IdentityTest, AdministratorsAreMadeWithAPasswordToBeChanged) {
  const auto headers = token(Role::administer, admin);
  const auto made = ask(Method::post, "/api/v1/administrators", R"({"name":"bea","role":"manage"})", headers);
  ASSERT_EQ(made.status, 201) << made.body;
  const auto bea = sign_in("bea", made.json().at("password").as_string());
  EXPECT_EQ(ask(Method::get, "/api/v1/activity", {}, bea.headers()).status, 403);
  EXPECT_EQ(ask(Method::post, "/api/v1/administrators", R"({"name":"Bea","role":"view"})", headers).status, 409);
  EXPECT_EQ(
      ask(Method::post, "/api/v1/administrators", R"({"name":"cyd","role":"view","password":"short"})", headers).status,
      422);
  const auto path =
      fmt::format("/api/v1/administrators/{}/reset_password", made.json().at("administrator").at("id").as_int64());
  const auto reset = ask(Method::post, path, "{}", headers);
  ASSERT_EQ(reset.status, 200) << reset.body;
  EXPECT_EQ(status_in_time(bea.headers(), 401), 401U);
  sign_in("bea", reset.json().at("password").as_string());
}

TEST_P(IdentityTest, NamesMayBeOfAnyLanguageAndOfNoTrick) {
  const auto headers = token(Role::administer, admin);
  const auto make = [&](std::string_view name) {
    const boost::json::object body{{"name", name}, {"role", "view"}, {"password", kPassword}};
    return ask(Method::post, "/api/v1/administrators", boost::json::serialize(body), headers).status;
  };
  for (const auto* name : {"Æsa Þórðardóttir", "王秀英", "Ольга", "'; DROP TABLE administrators; --",
                           "<script>alert(1)</script>", "%s %n \\ \" :id $1 ?"}) {
    EXPECT_EQ(make(name), 201U) << name;
    sign_in(name);
  }
  for (const auto* name : {"", " ada", "ada\t", "a\nb", "ada\u200b", "\u202eada", "\ufeffada", "a\u007f", "ADA"})
    EXPECT_NE(make(name), 201U) << name;
  EXPECT_EQ(make(std::string(101, 'a')), 422U);
  EXPECT_EQ(value("SELECT count(*) FROM administrators"), 7);
  const auto page = ask(Method::get, "/api/v1/administrators?limit=3", {}, headers).json();
  EXPECT_EQ(page.at("items").as_array().size(), 3U);
  const auto rest = ask(
      Method::get, fmt::format("/api/v1/administrators?after={}", page.at("next").as_string().c_str()), {}, headers);
  EXPECT_EQ(rest.json().at("items").as_array().size(), 4U);
  EXPECT_TRUE(rest.json().at("next").is_null());
}

TEST_P(IdentityTest, AThousandSignInsAtOnceAreBounded) {
  std::atomic<int> in = 0, later = 0, other = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        const auto status = try_sign_in("ada", kPassword).status;
        ++(status == 200 ? in : status == 429 ? later : other);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GT(in, 0);
  EXPECT_EQ(in + later, 1000) << other;
  EXPECT_LE(value("SELECT count(*) FROM sessions"), kMostSessions);
}

TEST_P(IdentityTest, ASecretThatIsToldOnceIsToldAgainToTheSameKeyOnly) {
  const auto browser = sign_in();
  auto headers = browser.headers();
  headers.emplace_back("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324");
  const auto make = [&](const char* name) {
    return ask(Method::post, "/api/v1/me/tokens", fmt::format(R"({{"name":"{}","scope":"view"}})", name), headers);
  };
  const auto first = make("ci");
  ASSERT_EQ(first.status, 201);
  EXPECT_EQ(make("ci").body, first.body);
  EXPECT_EQ(make("ci").header("location"), first.header("location"));
  EXPECT_EQ(make("other").status, 422);
  EXPECT_EQ(value("SELECT count(*) FROM api_tokens"), 1);
  for (const auto& wrong : {std::string("with a blank"), std::string(), std::string(256, 'a')}) {
    headers.back().second = wrong;
    EXPECT_EQ(make("ci").status, 422) << wrong;
  }
}

TEST_P(IdentityTest, ActsAreRecordedWithTheirDoer) {
  const auto headers = token(Role::administer, admin);
  ask(Method::post, "/api/v1/administrators", R"({"name":"<b>","role":"manage"})", headers, "2001:db8::1");
  const auto list = ask(Method::get, "/api/v1/activity?verb=administrator", {}, headers).json();
  ASSERT_EQ(list.at("items").as_array().size(), 1U);
  const auto& entry = list.at("items").at(0);
  EXPECT_EQ(entry.at("verb").as_string(), "administrator.created");
  EXPECT_THAT(std::string(entry.at("subject").as_string()), HasSubstr("«<b>»"));
  EXPECT_EQ(entry.at("administrator").as_int64(), admin);
  EXPECT_EQ(entry.at("name").as_string(), "ada");
  EXPECT_GT(entry.at("token").as_int64(), 0);
  EXPECT_EQ(entry.at("address").as_string(), "2001:db8::1");
  EXPECT_EQ(entry.at("details").at("role").as_string(), "manage");
}

}  // namespace
}  // namespace osprey::server::identity
