#include <gmock/gmock.h>

#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/enrollment/enroll_line.h"
#include "server/enrollment/fixture_test.h"
#include "server/tags/tags.h"

namespace osprey::server {
api::Endpoint create_enrollment_secret();
api::Endpoint list_enrollment_secrets();
api::Endpoint revoke_enrollment_secret();
api::Endpoint show_enroll_line();
api::Endpoint list_enrollment_failures();
api::Endpoint list_enrollment_conflicts();
api::Endpoint revoke_node_key();

namespace enrollment {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

struct FakeTags : tags::Tags {
  std::vector<tags::Named> all() const override { return {{.id = 3, .name = "web"}, {.id = 4, .name = "db"}}; }
  Result<tags::TagId> by_name(std::string_view name) const override {
    for (const auto& tag : all())
      if (tag.name == name) return tag.id;
    return api::problem(api::kNotFound, "tag", "there is none of this name");
  }
};

constexpr auto* kPem = R"(-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUKKtl7bSxZkQ0rK1Pq0hlqvbF5EUwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
)";

class EnrollmentEndpoints : public EnrollmentFixture {
 protected:
  EnrollmentEndpoints() {
    migrate(activity::schema());
    services.tags = &tags;
    services.carves = &carves;
  }

  http::Response ask(api::Endpoint (*endpoint)(), std::string body = "", std::vector<std::string> parameters = {},
                     std::string query = "") {
    enrollment();
    http::Request request;
    const auto made = endpoint();
    request.method = made.method;
    request.body = std::move(body);
    request.query = std::move(query);
    request.parameters = std::move(parameters);
    auto exchange = std::make_shared<agents::Exchange>();
    identity::Caller caller;
    caller.name = "ann";
    made.run(request, {.caller = caller, .services = services, .now = now(), .head = request},
             http::Responder(std::make_unique<agents::ExchangeLink>(exchange)));
    return *exchange->response;
  }
  FakeTags tags;
  agents::FakeCarves carves;
};
INSTANTIATE_TEST_SUITE_P(Databases, EnrollmentEndpoints, db::both_dialects(), db::dialect_name);

TEST_P(EnrollmentEndpoints, ASecretIsMadeListedShownAndRevoked) {
  open_with({.server = "fleet.example.org:8443"});
  const auto made = ask(create_enrollment_secret,
                        R"({"name":"<b>web</b>","tags":["web"],"use_limit":2,"expires_at":"2027-01-01T00:00:00Z"})");
  ASSERT_EQ(made.status, 201U) << made.body;
  const auto listed = ask(list_enrollment_secrets);
  EXPECT_THAT(listed.body, HasSubstr(R"("name":"<b>web</b>","tags":["web"],"expires_at":"2027-01-01T00:00:00.000Z")"));
  EXPECT_THAT(listed.body, HasSubstr(R"("created_by":"ann")"));
  EXPECT_THAT(listed.body, Not(HasSubstr("\"secret\"")));

  const auto line = json::parse(ask(show_enroll_line, "", {"1"}).body);
  auto asked = request("web-1");
  asked.secret = line.at("secret").as_string();
  EXPECT_EQ(asked.secret.size(), 64U);
  EXPECT_TRUE(try_enroll(asked));
  EXPECT_THAT(ask(list_enrollment_secrets).body, HasSubstr(R"("uses":1)"));

  EXPECT_EQ(ask(revoke_enrollment_secret, "", {"1"}).status, 204U);
  EXPECT_FALSE(try_enroll(asked));
  EXPECT_THAT(ask(list_enrollment_secrets).body, HasSubstr(R"("revoked_at":"2026)"));
  EXPECT_EQ(ask(create_enrollment_secret, R"({"name":"<b>web</b>"})").status, 201U);
}

TEST_P(EnrollmentEndpoints, WhatCannotBeASecretIsRefused) {
  const auto status = [&](std::string body) { return ask(create_enrollment_secret, std::move(body)).status; };
  EXPECT_EQ(status(R"({"name":"a","secret":"given-text-1"})"), 201U);
  EXPECT_EQ(status(R"({"name":"a"})"), 409U);
  EXPECT_EQ(status(R"({"name":"b","secret":"given-text-1"})"), 409U);
  EXPECT_EQ(status(R"({"name":""})"), 422U);
  EXPECT_EQ(status(R"({"name":"c","secret":"short"})"), 422U);
  EXPECT_EQ(status(R"({"name":"c","secret":"with space and more"})"), 422U);
  EXPECT_EQ(status(R"({"name":"c","expires_at":"2020-01-01T00:00:00Z"})"), 422U);
  EXPECT_EQ(status(R"({"name":"c","tags":["none"]})"), 404U);
  EXPECT_EQ(status(R"({"name":"c","use_limit":0})"), 422U);
  EXPECT_EQ(ask(revoke_enrollment_secret, "", {"77"}).status, 404U);
  EXPECT_EQ(ask(show_enroll_line, "", {"77"}).status, 404U);
  EXPECT_EQ(ask(show_enroll_line, "", {"1"}).status, 409U);  // nobody told the server its address
}

TEST_P(EnrollmentEndpoints, FailuresAreListedInPages) {
  for (int i = 0; i < 5; ++i) {
    auto asked = request("<script>" + std::to_string(i));
    asked.secret = "wrong-" + std::to_string(i);
    EXPECT_FALSE(try_enroll(asked));
    pass(std::chrono::seconds(1));
  }
  std::vector<std::string> seen;
  std::string query = "limit=2";
  for (int pages = 0; pages < 3; ++pages) {
    const auto page = json::parse(ask(list_enrollment_failures, "", {}, query).body);
    for (const auto& item : page.at("items").as_array()) seen.emplace_back(item.at("identifier").as_string());
    if (page.at("next").is_null()) break;
    query = "limit=2&after=" + std::string(page.at("next").as_string());
  }
  EXPECT_THAT(seen, testing::ElementsAre("<script>4", "<script>3", "<script>2", "<script>1", "<script>0"));
  EXPECT_EQ(ask(list_enrollment_failures, "", {}, "after=zz").status, 422U);
  EXPECT_EQ(ask(list_enrollment_conflicts).status, 200U);
}

TEST_P(EnrollmentEndpoints, ANodeKeyIsRevoked) {
  add({.text = "right-secret"});
  const auto key = enroll(request("web-1"));
  EXPECT_EQ(ask(revoke_node_key, R"({"may_enroll_again":false})", {"1"}).status, 204U);
  EXPECT_TRUE(eventually([&] { return host_of(key) != 1; }));
  EXPECT_FALSE(enrollment().is_of(key, 1));
  EXPECT_THAT(carves.ended, testing::ElementsAre(1)) << "whoever had the key had the sessions";
  EXPECT_FALSE(try_enroll(request("web-1")));
  EXPECT_EQ(ask(revoke_node_key, "{}", {"1"}).status, 204U);
  EXPECT_TRUE(try_enroll(request("web-1")));
  EXPECT_EQ(ask(revoke_node_key, "{}", {"99"}).status, 404U);
}

TEST(EnrollLine, NamesFilesAndShowsNoSecretToOtherProcesses) {
  const auto line = enroll_line({.server = "fleet:8443", .certificate = kPem}, "right-secret");
  ASSERT_TRUE(line);
  for (const auto& flag : line->flags) EXPECT_THAT(flag, Not(HasSubstr("right-secret")));
  EXPECT_THAT(line->flags, testing::Contains("--tls_hostname=fleet:8443"));
  EXPECT_THAT(line->flags, testing::Contains("--tls_server_certs=/etc/osprey/server.pem"));
  EXPECT_THAT(line->shell, HasSubstr("umask 077"));
  EXPECT_THAT(line->shell, HasSubstr("cat > /etc/osprey/enroll_secret <<'END'\nright-secret\nEND\n"));
  EXPECT_THAT(line->shell, HasSubstr(kPem));
  EXPECT_THAT(enroll_line({.server = "fleet:8443"}, "s")->flags,
              Not(testing::Contains("--tls_server_certs=/etc/osprey/server.pem")));
  EXPECT_FALSE(enroll_line({}, "s"));
}

}  // namespace
}  // namespace enrollment
}  // namespace osprey::server
