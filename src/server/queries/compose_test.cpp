#include "server/queries/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace osprey::server::queries {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

Assigned item(Kind kind, std::string name, std::string_view content, std::vector<hosts::TagId> tags = {}) {
  return {.item = {.kind = kind, .name = std::move(name), .content = object(content)}, .tags = std::move(tags)};
}

const std::vector<OrderedTag> kOrder = {{5, "web"}, {3, "database"}, {9, "canary"}};

// CFG-04, SRV-10.
TEST(Compose, LaysTagsOverEachOtherInTheirOrder) {
  const std::vector<Assigned> items = {item(Kind::query, "users", R"({"query":"select 1","interval":60})"),
                                       item(Kind::options, "base", R"({"a":1,"b":1})"),
                                       item(Kind::options, "web", R"({"b":2})", {5}),
                                       item(Kind::options, "canary", R"({"b":3})", {9, 5}),
                                       item(Kind::query, "only web", R"({"query":"select 2"})", {5})};
  const auto plain = compose(items, {}, kOrder);
  EXPECT_EQ(plain.document,
            object(R"({"schedule":{"users":{"query":"select 1","interval":60}},"options":{"a":1,"b":1}})"));
  const std::vector<hosts::TagId> tags = {5, 9};
  const auto tagged = compose(items, tags, kOrder);
  EXPECT_EQ(tagged.document.at("options"), object(R"({"a":1,"b":3})"));
  EXPECT_TRUE(tagged.document.at("schedule").as_object().contains("only web"));
  const auto origin = std::ranges::find(tagged.origins, "/options/b", &Origin::pointer);
  ASSERT_NE(origin, tagged.origins.end());
  EXPECT_EQ(origin->item, "canary");
  EXPECT_EQ(origin->tag, "canary");
  EXPECT_THAT(origin->overrides, ElementsAre("options base", "options web"));
}

TEST(Compose, JoinsListsAndReplacesCategories) {
  const std::vector<Assigned> items = {
      item(Kind::decorators, "base", R"({"load":["select 1"],"interval":{"60":["select 2"]}})"),
      item(Kind::decorators, "web", R"({"load":["select 1","select 3"],"interval":{"60":["select 4"]}})", {5}),
      item(Kind::file_paths, "base", R"({"file_paths":{"etc":["/etc/%%"],"bin":["/bin/%"]},"file_accesses":["etc"]})"),
      item(Kind::file_paths, "web", R"({"file_paths":{"etc":["/etc/nginx/%%"]},"exclude_paths":{"etc":["/etc/mtab"]}})",
           {5})};
  const std::vector<hosts::TagId> tags = {5};
  const auto made = compose(items, tags, kOrder).document;
  EXPECT_EQ(made.at("decorators"),
            object(R"({"load":["select 1","select 3"],"interval":{"60":["select 2","select 4"]}})"));
  EXPECT_EQ(made.at("file_paths"), object(R"({"etc":["/etc/nginx/%%"],"bin":["/bin/%"]})"));
  EXPECT_EQ(made.at("exclude_paths"), object(R"({"etc":["/etc/mtab"]})"));
  EXPECT_EQ(made.at("file_accesses"), boost::json::parse(R"(["etc"])"));
}

TEST(Compose, LeavesOutWhatIsDisabled) {
  auto disabled = item(Kind::query, "q", R"({"query":"select 1"})");
  disabled.item.enabled = false;
  EXPECT_THAT(compose(std::vector{disabled}, {}, kOrder).document, IsEmpty());
}

TEST(Compose, SplitsAWholeConfiguration) {
  const auto drafts = split(object(
      R"({"schedule":{"a":{"query":"select 1"}},"packs":{"p":{"queries":{}}},"options":{"x":1},"views":{"v":"select 1"},
          "file_paths":{"etc":["/etc/%%"]},"exclude_paths":{},"etag":"x"})"));
  EXPECT_THAT(drafts, SizeIs(5));
  std::vector<Assigned> items;
  for (const auto& draft : drafts)
    items.push_back({.item = {.kind = draft.kind, .name = draft.name, .content = draft.content}});
  auto whole = compose(items, {}, kOrder).document;
  EXPECT_EQ(whole.at("views"), object(R"({"v":"select 1"})"));
  EXPECT_EQ(whole.at("packs"), object(R"({"p":{"queries":{}}})"));
  EXPECT_FALSE(whole.contains("etag"));
}

TEST(Compose, NamesOfAnyKindAreSafePointers) {
  const auto made = compose(std::vector{item(Kind::query, "a/b~c", R"({"query":"select 1"})")}, {}, kOrder);
  EXPECT_EQ(made.origins.at(0).pointer, "/schedule/a~1b~0c");
}

}  // namespace
}  // namespace osprey::server::queries
