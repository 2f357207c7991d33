#include "server/api/endpoint.h"
#include "server/hosts/facts.h"
#include "server/tags/condition.h"

namespace osprey::server {
namespace {

struct Fact {
  std::string name, help;
  bool number = false;
  static constexpr auto fields() {
    return std::tuple(api::field("name", &Fact::name, "Its name in conditions."),
                      api::field("help", &Fact::help, "What it tells."),
                      api::field("number", &Fact::number, "It is a number, else a text."));
  }
};

struct Listed {
  std::vector<Fact> facts;
  std::vector<std::string> tests;
  static constexpr auto fields() {
    return std::tuple(api::field("facts", &Listed::facts, "What conditions can look at."),
                      api::field("tests", &Listed::tests, "What they can hold it against."));
  }
};

Result<Listed> handle(const api::Nothing&, const api::Context&) {
  Listed listed;
  for (const auto& fact : hosts::text_facts()) listed.facts.push_back({std::string(fact.name), std::string(fact.help)});
  for (const auto& fact : hosts::number_facts())
    listed.facts.push_back({std::string(fact.name), std::string(fact.help), true});
  for (const auto name : tags::Condition::test_names()) listed.tests.emplace_back(name);
  return listed;
}

}  // namespace

api::Endpoint list_facts() {
  return api::endpoint(http::Method::get, "/api/v1/tags/facts", api::Permission::view,
                       "What conditions of tags are made of.", handle);
}

}  // namespace osprey::server
