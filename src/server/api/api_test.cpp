#include "server/api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "server/api/testing.h"
#include "server/identity/identity.h"

namespace osprey::server::api {
namespace {

using http::Method;
using ::testing::HasSubstr;

// "Endpoints have a permission or do not compile."
Result<Nothing> plain(const Nothing&, const Context&) { return Nothing{}; }
void streaming(const Nothing&, const Context&, http::Responder) {}
template <class... Arguments>
concept MakesAnEndpoint = requires(Arguments... arguments) { endpoint(arguments...); };
using Plain = decltype(&plain);
using Streaming = decltype(&streaming);
using Text = const char*;
static_assert(MakesAnEndpoint<Method, Text, Permission, Text, Plain>);
static_assert(!MakesAnEndpoint<Method, Text, Text, Plain>);
static_assert(!MakesAnEndpoint<Method, Text, int, Text, Plain>);
static_assert(MakesAnEndpoint<Method, Text, Permission, Text, Streaming, Text>);
static_assert(!MakesAnEndpoint<Method, Text, Text, Streaming, Text>);

// Knows whoever says who they are.
struct Trusting : identity::Identity {
  Result<identity::Caller> authenticate(const http::RequestHead& head) override {
    const auto name = head.header("authorization");
    if (name.empty()) return identity::Caller{};
    const auto permission = named<Permission>(name);
    if (!permission) return problem(kForbidden, "credential", "is wrong");
    return identity::Caller{.administrator = 1, .name = "ada", .permission = *permission, .session = 1};
  }
};

constexpr std::string_view kPermissions[] = {"", "signed_in", "view", "run_live", "manage", "administer"};

struct ApiTest : ::testing::Test {
  ApiTest() {
    services.clock = [] { return Timestamp{1'800'000'000'000}; };
    services.identity = &identity;
  }
  Trusting identity;
  Services services;
};

Endpoint only_answers(Endpoint endpoint) {
  endpoint.creates = false;
  endpoint.run = [](const http::Request&, const Context&, http::Responder responder) {
    responder.send({.status = 204});
  };
  return endpoint;
}

// Every endpoint times every permission: who may and who may not.
TEST_F(ApiTest, EachPermissionOpensItsEndpointsAndNoOther) {
  ASSERT_GT(endpoints().size(), 20U);
  for (const auto& named : endpoints()) {
    static Endpoint (*make)() = nullptr;
    make = named.make;
    const NamedEndpoint one{named.operation, named.slice, [] { return only_answers(make()); }};
    http::Router router;
    ASSERT_TRUE(mount(router, std::span(&one, 1), services, {.of_administrator = {1000, 1000}}));
    const auto endpoint = named.make();
    std::string path = endpoint.path;
    for (auto open = path.find('{'); open != path.npos; open = path.find('{'))
      path.replace(open, path.find('}') + 1 - open, "1");
    for (std::size_t i = 0; i < std::size(kPermissions); ++i) {
      http::Headers headers;
      if (i > 0) headers.emplace_back("authorization", kPermissions[i]);
      const auto status = testing::ask(router, endpoint.method, path, {}, headers).status;
      const bool may = static_cast<std::size_t>(endpoint.permission) <= i;
      EXPECT_EQ(status, may ? 204U : i == 0 ? 401U : 403U) << named.operation << " as " << kPermissions[i];
    }
    // A wrong credential is never nobody's.
    if (endpoint.permission != Permission::everyone) {
      EXPECT_EQ(testing::ask(router, endpoint.method, path, {}, {{"authorization", "wrong"}}).status, 401U);
    }
  }
}

// Whoever builds one by hand gets the narrowest.
TEST(Endpoint, IsForAdministratorsUnlessItSaysOtherwise) { EXPECT_EQ(Endpoint{}.permission, Permission::administer); }

TEST_F(ApiTest, OnlyThatIsOpenToEveryoneWhichMustBe) {
  std::vector<std::string_view> open;
  for (const auto& named : endpoints())
    if (named.make().permission == Permission::everyone) open.push_back(named.operation);
  EXPECT_THAT(open, ::testing::IsSubsetOf({"show_openapi", "sign_in"}));
}

struct Text2 {
  std::string text;
  static constexpr auto fields() { return std::tuple(field("text", &Text2::text, "Text.")); }
};
Result<Text2> echo(const Text2& text, const Context&) { return text; }
Result<Text2> fail(const Text2&, const Context&) { return failure("/var/lib/secret", "the disk burns"); }

Endpoint make_echo() { return endpoint(Method::post, "/api/v1/echo", Permission::view, "Echo.", echo); }
Endpoint make_fail() { return endpoint(Method::get, "/api/v1/fail", Permission::view, "Fails.", fail); }
constexpr NamedEndpoint kTwo[] = {{"echo", "test", make_echo}, {"fail", "test", make_fail}};

struct TwoEndpoints : ApiTest {
  void mount_with(Options options) { ASSERT_TRUE(mount(router, kTwo, services, std::move(options))); }
  testing::Reply post(std::string body, std::string type = "application/json", std::string peer = "192.0.2.1") {
    return testing::ask(router, Method::post, "/api/v1/echo", std::move(body),
                        {{"authorization", "view"}, {"content-type", std::move(type)}}, std::move(peer));
  }
  http::Router router;
};

TEST_F(TwoEndpoints, BodiesMustSayThatTheyAreJson) {
  mount_with({});
  EXPECT_EQ(post(R"({"text":"a"})").status, 200U);
  EXPECT_EQ(post(R"({"text":"a"})", "Application/JSON ; charset=utf-8").status, 200U);
  for (const auto* type :
       {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"})
    EXPECT_EQ(post(R"({"text":"a"})", type).status, 415U) << type;
}

TEST_F(TwoEndpoints, HostileJsonIsInvalid) {
  mount_with({});
  EXPECT_EQ(post(std::string(100'000, '[')).status, 422U);
  std::string deep = R"({"text":)";
  for (int i = 0; i < 40; ++i) deep += R"({"a":)";
  EXPECT_EQ(post(deep).status, 422U);
  for (const auto* body : {"", "{", "nul", R"({"text":"\ud800"})", "{\"text\":\"\xff\"}", R"({"text":"\u0000"})",
                           R"({"text":1e999})", R"({"text":null})", R"({"text":{}})", "{\"text\":\"a\"}x"})
    EXPECT_EQ(post(body).status, 422U) << body;
  const auto query = testing::ask(router, Method::get, "/api/v1/fail?text=%ff", {}, {{"authorization", "view"}});
  EXPECT_EQ(query.status, 422U);
}

TEST_F(TwoEndpoints, CallersThatAskTooOftenWait) {
  mount_with({.of_administrator = {1, 3}, .of_address = {1, 2}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(post(R"({"text":"a"})").status, 200U);
  const auto refused = post(R"({"text":"a"})");
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.header("retry-after"), "1");
  // Nobody's requests count by address.
  const auto nobody = [&](std::string peer) {
    return testing::ask(router, Method::post, "/api/v1/echo", "{}", {}, std::move(peer)).status;
  };
  EXPECT_EQ(nobody("192.0.2.7"), 401U);
  EXPECT_EQ(nobody("192.0.2.7"), 401U);
  EXPECT_EQ(nobody("192.0.2.7"), 429U);
  EXPECT_EQ(nobody("192.0.2.8"), 401U);
}

TEST_F(TwoEndpoints, FailuresAreToldToTheLogAndCounted) {
  Counts counts;
  std::vector<Answered> log;
  mount_with({.counts = &counts, .log = [&](const Answered& answered) { log.push_back(answered); }});
  const auto reply = testing::ask(router, Method::get, "/api/v1/fail?text=a", {}, {{"authorization", "view"}});
  EXPECT_EQ(reply.status, 500U);
  EXPECT_THAT(reply.body, ::testing::Not(HasSubstr("secret")));
  post(R"({"text":"a"})");
  post("{");
  ASSERT_EQ(log.size(), 3U);
  EXPECT_EQ(log[0].operation, "fail");
  EXPECT_EQ(log[0].error, "/var/lib/secret: the disk burns");
  EXPECT_EQ(log[0].administrator, "ada");
  EXPECT_EQ(log[2].status, 422U);
  const auto text = counts.prometheus();
  EXPECT_THAT(text, HasSubstr("osprey_api_requests_total{operation=\"fail\",status=\"5xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("osprey_api_requests_total{operation=\"echo\",status=\"4xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("osprey_api_request_seconds_count{operation=\"echo\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("le=\"+Inf\"} 2\n"));
}

TEST_F(TwoEndpoints, PathsAndMethodsThatAreNotThereAreProblems) {
  mount_with({});
  for (const auto& [method, path, status] :
       {std::tuple(Method::get, "/api/v1/nothing", 404U), std::tuple(Method::delete_, "/api/v1/echo", 405U)}) {
    const auto reply = testing::ask(router, method, path, {}, {{"authorization", "view"}});
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(reply.json().at("status").as_int64(), status);
    EXPECT_FALSE(reply.json().at("detail").as_string().empty());
  }
}

TEST(OpenApi, PageIsTheSameAsTheObject) {
  const auto page = openapi_page(endpoints());
  EXPECT_EQ(boost::json::parse(page), boost::json::value(openapi(endpoints())));
}

TEST(OpenApi, OperationsAndTheirTypesAreNamedOnce) {
  std::set<std::string_view> names;
  for (const auto& named : endpoints()) EXPECT_TRUE(names.insert(named.operation).second) << named.operation;
  const auto page = openapi(endpoints());
  for (const auto& path : page.at("paths").as_object())
    for (const auto& operation : path.value().as_object())
      EXPECT_TRUE(operation.value().as_object().contains("x-permission")) << path.key();
}

}  // namespace
}  // namespace osprey::server::api
