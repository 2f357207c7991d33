#include "server/http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::server::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Route route(Method method, std::string pattern) {
  Route route;
  route.method = method;
  route.pattern = std::move(pattern);
  return route;
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    for (const auto* pattern : {"/", "/api/v1/hosts", "/api/v1/hosts/{host}", "/api/v1/hosts/{host}/tags/{tag}",
                                "/api/v1/hosts/mine/export", "/page/{path*}"}) {
      EXPECT_TRUE(router.add(route(Method::get, pattern)));
    }
    EXPECT_TRUE(router.add(route(Method::post, "/api/v1/hosts")));
  }
  std::string pattern(std::string_view path, Method method = Method::get) const {
    const auto match = router.find(method, path);
    return match ? match->route->pattern : std::to_string(match.error().status);
  }
  Router router;
};

TEST_F(RouterTest, FindsLiteralsBeforeNames) {
  EXPECT_EQ(pattern("/"), "/");
  EXPECT_EQ(pattern("/api/v1/hosts"), "/api/v1/hosts");
  EXPECT_EQ(pattern("/api/v1/hosts/mine/export"), "/api/v1/hosts/mine/export");
  EXPECT_EQ(pattern("/api/v1/hosts/mine/tags/x"), "/api/v1/hosts/{host}/tags/{tag}");
  EXPECT_EQ(pattern("/api/v1/hosts/mine"), "/api/v1/hosts/{host}");
  EXPECT_EQ(pattern("/page/a/b/c"), "/page/{path*}");
}

TEST_F(RouterTest, GivesWhatStoodAtTheNamesDecoded) {
  EXPECT_THAT(router.find(Method::get, "/api/v1/hosts/a%20b/tags/x%2Fy")->parameters, ElementsAre("a b", "x/y"));
  EXPECT_THAT(router.find(Method::get, "/page/a/b%25/")->parameters, ElementsAre("a/b%/"));
  EXPECT_EQ(router.find(Method::get, "/api/v1/hosts/a%2").error().status, 400u);
}

TEST_F(RouterTest, RefusesOtherPathsAndMethods) {
  for (const auto* path : {"", "api", "/api", "/api/v1/hosts/", "/api/v1/hosts//tags/x", "/page", "//", "*"}) {
    EXPECT_EQ(pattern(path), "404") << path;
  }
  const auto refused = router.find(Method::delete_, "/api/v1/hosts");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 405u);
  EXPECT_EQ(refused.error().headers.front(), (std::pair<std::string, std::string>{"allow", "GET, HEAD, POST"}));
  EXPECT_EQ(refused.error().content_type, "application/problem+json");
  EXPECT_THAT(refused.error().body, HasSubstr(R"("title":"Method Not Allowed","status":405,"detail":)"));
}

TEST_F(RouterTest, HeadGoesWhereGetGoes) { EXPECT_EQ(pattern("/page/x", Method::head), "/page/{path*}"); }

TEST_F(RouterTest, TheErrorFormIsTheServersOwn) {
  router.error = [](const RequestHead& head, unsigned status, std::string) {
    Response response;
    response.status = status;
    response.body = head.path.starts_with("/api/osquery/") ? R"({"error":"x"})" : "page";
    return response;
  };
  EXPECT_EQ(router.find(Method::post, "/api/osquery/nothing").error().body, R"({"error":"x"})");
  EXPECT_EQ(router.find(Method::post, "/nothing").error().body, "page");
}

TEST_F(RouterTest, RefusesPatternsThatAreTakenOrMalformed) {
  EXPECT_FALSE(router.add(route(Method::get, "/api/v1/hosts/{other}")));
  EXPECT_TRUE(router.add(route(Method::put, "/api/v1/hosts/{other}")));
  for (const auto* pattern : {"", "x", "/a{b}", "/{a}{b}", "/{}", "/{a*}/b", "/{a"}) {
    EXPECT_FALSE(router.add(route(Method::get, pattern))) << pattern;
  }
}

}  // namespace
}  // namespace osprey::server::http
