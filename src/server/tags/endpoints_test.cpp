#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/hosts/testing.h"
#include "server/tags/service.h"

namespace osprey::server::tags {
namespace {

using hosts::Answered;

class TagEndpointsTest : public hosts::ServerTest {
 protected:
  TagEndpointsTest() {
    migrate(hosts::schema(), tags::schema(), activity::schema());
    auto started = start(server().services);
    if (!started) throw std::runtime_error(started.error().text());
    tags_ = std::move(*started);
    server().services.tags = tags_.get();
  }
  ~TagEndpointsTest() override { tags_.reset(); }

  Answered ask(std::string_view operation, std::vector<std::string> parameters = {}, const std::string& body = "") {
    return hosts::ask(server().services, operation, std::move(parameters), body);
  }

  std::unique_ptr<Service> tags_;
};
INSTANTIATE_TEST_SUITE_P(Databases, TagEndpointsTest, testing::Values(db::Dialect::sqlite), db::dialect_name);

// SRV-03, SRV-10: hosts in groups by tags; many tags a host.
TEST_P(TagEndpointsTest, MakeGiveShowChangeAndDelete) {
  const auto host = std::to_string(add("web-1"));
  const auto made = ask("create_tag", {}, R"({"name":"web","description":"front","rank":3})");
  ASSERT_EQ(made.status, 201U) << made.body;
  const auto tag = boost::json::serialize(made.body.at("id"));
  EXPECT_EQ(ask("create_tag", {}, R"({"name":"web"})").status, 409U);
  EXPECT_EQ(ask("create_tag", {}, R"({"name":"x","condition":{"fact":"nme","is":"x"}})").status, 422U);
  EXPECT_EQ(ask("create_tag", {}, R"({"name":"x","colour":"red"})").status, 422U);

  EXPECT_EQ(ask("tag_host", {host, tag}).status, 204U);
  EXPECT_EQ(ask("tag_host", {"999", tag}).status, 404U);
  EXPECT_EQ(ask("tag_host", {host, "999"}).status, 404U);
  EXPECT_EQ(ask("list_tags").body.at("items").at(0).at("hosts"), 1);
  EXPECT_EQ(ask("list_hosts", {}, "tag=" + tag).body.at("items").at(0).at("tags").at(0), "web");
  const auto why = ask("list_host_tags", {host}).body.at("items").at(0);
  EXPECT_EQ(why.at("because").at(0).at("origin"), "hand");
  EXPECT_EQ(why.at("has"), true);

  EXPECT_EQ(ask("edit_tag", {tag}, R"({"name":"front","rank":-1})").body.at("rank"), -1);
  EXPECT_EQ(ask("edit_tag", {"999"}, R"({"name":"x"})").status, 404U);
  EXPECT_EQ(ask("untag_host", {host, tag}).status, 204U);
  EXPECT_EQ(ask("change_tag_hosts", {tag}, R"({"add":[)" + host + "]}").status, 204U);
  EXPECT_EQ(ask("show_tag", {tag}).body.at("tag").at("hosts"), 1);

  tags_->add_user([](TagId) -> Result<std::vector<std::string>> { return std::vector<std::string>{"pack 7 «base»"}; });
  EXPECT_EQ(ask("show_tag", {tag}).body.at("used_by").at(0), "pack 7 «base»");
  EXPECT_EQ(ask("remove_tag", {tag}).status, 409U);
}

TEST_P(TagEndpointsTest, PreviewWhatARuleWouldGive) {
  add("web-1");
  add("db-1");
  const auto preview = ask("preview_tag", {}, R"({"condition":{"fact":"name","like":"web%"}})");
  ASSERT_EQ(preview.status, 200U) << preview.body;
  EXPECT_EQ(preview.body.at("hosts"), 1);
  EXPECT_EQ(preview.body.at("of"), 2);
  EXPECT_EQ(preview.body.at("shown").at(0).at("name"), "web-1");
  EXPECT_TRUE(ask("preview_tag", {}, R"({"query":"SELECT 1"})").body.at("hosts").is_null());
  EXPECT_EQ(ask("preview_tag", {}, "{}").status, 422U);
  EXPECT_EQ(ask("preview_tag", {}, R"({"query":"SELECT nothing FROM nowhere"})").status, 422U);
  EXPECT_EQ(ask("create_tag", {}, R"({"name":"one","query":"SELECT 1"})").status, 201U);
  EXPECT_EQ(ask("preview_tag", {}, R"({"query":"SELECT 1"})").body.at("hosts"), 0);
  EXPECT_GT(ask("list_facts").body.at("facts").as_array().size(), 10U);
}

TEST_P(TagEndpointsTest, TellHowFarAQueryIsEvaluatedAndWhereItFailed) {
  const auto good = add("good");
  const auto bad = add("bad");
  add("away");
  const auto tag = boost::json::serialize(ask("create_tag", {}, R"({"name":"one","query":"SELECT 1"})").body.at("id"));
  const auto id = "tag:" + tag + ":" + std::to_string(tags_->find(std::stoll(tag))->revision);
  ASSERT_TRUE(hosts::eventually([&] { return tags_->has(good) && tags_->has(bad); }));
  ASSERT_TRUE(hosts::answer(*tags_, good, {{.id = id, .rows = "[{}]"}}));
  ASSERT_TRUE(hosts::answer(*tags_, bad, {{.id = id, .failed = true, .message = "no"}}));
  const auto evaluation = ask("show_tag", {tag}).body.at("evaluation");
  EXPECT_EQ(evaluation.at("evaluated"), 2);
  EXPECT_EQ(evaluation.at("waiting"), 1);
  EXPECT_EQ(evaluation.at("stale"), 1);
  const auto faults = ask("list_tag_faults", {tag}).body.at("items");
  ASSERT_EQ(faults.as_array().size(), 1U);
  EXPECT_EQ(faults.at(0).at("name"), "bad");
  EXPECT_EQ(ask("list_host_tags", {std::to_string(bad)}).body.at("items").at(0).at("error"), "no");
}

}  // namespace
}  // namespace osprey::server::tags
