#include "server/api/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api/page.h"

namespace osprey::server::api {
namespace {

using testing::HasSubstr;

enum class Colour { red, blue };

struct Thing {
  std::int64_t id = 0;
  std::string name;
  std::optional<Colour> colour;
  std::vector<std::string> words;
  static constexpr auto fields() {
    return std::tuple(
        field("id", &Thing::id, "Number.", {.least = 1}), field("name", &Thing::name, "Name.", {.least = 1, .most = 5}),
        field("colour", &Thing::colour, "Colour."), field("words", &Thing::words, "Words.", {.has_default = true}));
  }
};

}  // namespace

template <>
struct EnumNames<Colour> {
  static constexpr std::array kNames{std::pair{Colour::red, std::string_view("red")},
                                     std::pair{Colour::blue, std::string_view("blue")}};
};

namespace {

// Takes the one answer.
struct Answer : http::Responder::Link {
  explicit Answer(http::Response& into) : response(into) {}
  bool send(http::Response sent) override {
    response = std::move(sent);
    return true;
  }
  http::BodyStream stream(http::Response) override { return http::BodyStream(nullptr); }
  void park(std::chrono::steady_clock::time_point, http::Response) override {}
  bool open() const override { return true; }
  http::Response& response;
};

Result<Thing> echo(const Thing& thing, const Context&) { return thing; }

http::Response ask(const Endpoint& endpoint, const http::Request& request) {
  const Services services;
  http::Response response;
  endpoint.run(request, Context{.services = services, .head = request},
               http::Responder(std::make_unique<Answer>(response)));
  return response;
}

http::Request post(std::string body) {
  http::Request request;
  request.method = http::Method::post;
  request.body = std::move(body);
  request.parameters = {"7"};
  return request;
}

const Endpoint kEcho = endpoint(http::Method::post, "/things/{id}", Permission::view, "Echo.", echo);

TEST(Endpoint, ReadsPathAndBodyAndWritesTheAnswer) {
  const auto response = ask(kEcho, post(R"({"name":"web","colour":"blue"})"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"id":7,"name":"web","colour":"blue","words":[]})");
}

TEST(Endpoint, TellsEveryFaultWithItsPlace) {
  const auto response = ask(kEcho, post(R"({"name":"much too long","color":"blue","words":[1],"colour":"blu"})"));
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_THAT(response.body, HasSubstr(R"({"pointer":"/name","detail":"at most 5 characters allowed, 13 given"})"));
  EXPECT_THAT(response.body,
              HasSubstr(R"("pointer":"/color","detail":"is no member of this; did you mean \"colour\"?")"));
  EXPECT_THAT(response.body, HasSubstr(R"("pointer":"/words/0")"));
  EXPECT_THAT(response.body, HasSubstr(R"(did you mean \"blue\"?)"));
}

TEST(Endpoint, RefusesWhatIsNoObject) {
  for (const auto* body : {"", "[]", "3", "{", "null", "\xff"}) EXPECT_EQ(ask(kEcho, post(body)).status, 422) << body;
}

TEST(Endpoint, ReadsTheQueryString) {
  const auto get = endpoint(http::Method::get, "/things", Permission::view, "Echo.", echo);
  http::Request request;
  request.query = "id=7&name=a%20b&words=x&words=y";
  EXPECT_EQ(ask(get, request).body, R"({"id":7,"name":"a b","colour":null,"words":["x","y"]})");
  request.query = "id=seven&name=%zz";
  EXPECT_EQ(ask(get, request).status, 422);
}

TEST(Endpoint, DescribesItself) {
  json::object operation;
  json::object components;
  SchemaWriter schemas(components);
  kEcho.describe(operation, schemas);
  const auto* parameter = operation["parameters"].as_array().if_contains(0);
  ASSERT_TRUE(parameter);
  EXPECT_EQ(parameter->at("in").as_string(), "path");
  EXPECT_EQ(parameter->at("schema").at("minimum").as_int64(), 1);
  const auto& schema = operation.at("requestBody").at("content").at("application/json").at("schema");
  EXPECT_EQ(schema.at("required"), (json::array{"name"}));
  EXPECT_FALSE(schema.at("properties").as_object().contains("id"));
  EXPECT_TRUE(operation.at("responses").at("200").as_object().contains("content"));
}

TEST(Cursor, ComesBack) {
  const std::vector<std::string> keys = {"12", "a\"b"};
  EXPECT_EQ(*read_cursor(make_cursor(keys), 2), keys);
  for (const auto* wrong : {"", "zz", "5b5d", "abc"}) EXPECT_FALSE(read_cursor(wrong, 2)) << wrong;
  EXPECT_FALSE(read_cursor(make_cursor(keys), 3));
}

struct Numbered {
  std::int64_t id = 0;
  std::int64_t host = 0;
  static constexpr auto fields() { return std::tuple(field("id", &Numbered::id, "")); }
};

TEST(Cursor, GoesOnAfterTheLastItemsNumber) {
  EXPECT_EQ(*id_after({}), 0);
  EXPECT_EQ(*id_before({}), INT64_MAX);
  const std::vector<Numbered> found{{3, 30}, {5, 50}, {7, 70}};
  EXPECT_FALSE(page_by_id(found, 3).next);
  const auto page = page_by_id(found, 2);
  EXPECT_EQ(page.items.size(), 2U);
  EXPECT_EQ(*id_after(page.next), 5);
  EXPECT_EQ(*id_before(page.next), 5);
  EXPECT_EQ(*id_after(page_by_id(found, 2, &Numbered::host).next), 50);
  for (const auto* wrong : {"0", "-1", "x", ""}) EXPECT_FALSE(id_before(make_cursor({wrong}))) << wrong;
}

}  // namespace
}  // namespace osprey::server::api
