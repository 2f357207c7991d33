#include <fmt/format.h>

#include "ctl/commands/commands.h"

namespace osprey::ctl {
namespace {

struct Draft {
  std::string name, new_name, description, query, condition;
  std::int64_t rank = 0;
  bool no_check = false, no_rule = false, yes = false;
};

const std::vector<Column> kColumns{{"ID", "id"},
                                   {"NAME", "name"},
                                   {"RANK", "rank"},
                                   {"HOSTS", "hosts"},
                                   {"QUERY", "query"},
                                   {"CONDITION", "condition"},
                                   {"DESCRIPTION", "description"}};

Result<json::value> condition_of(const std::string& text) {
  boost::system::error_code failed;
  auto condition = json::parse(text, failed);
  if (failed) return failure("--condition", "is no JSON, as {\"fact\": \"platform\", \"is\": \"debian\"}");
  return condition;
}

// `tag` as the flags that were given change it.
Result<json::object> changed(json::object tag, const Draft& draft, const CLI::App& given) {
  const auto was_given = [&](const char* name) { return given.count(name) > 0; };
  if (was_given("--description")) tag["description"] = draft.description;
  if (was_given("--rank")) tag["rank"] = draft.rank;
  if (was_given("--query") || was_given("--condition") || draft.no_rule) {
    tag["query"] = nullptr;
    tag["condition"] = nullptr;
  }
  if (was_given("--query")) tag["query"] = draft.query;
  if (was_given("--condition")) tag["condition"] = TRY(condition_of(draft.condition));
  tag["check_query"] = !draft.no_check;
  return tag;
}

void add_fields(CLI::App& app, Draft& draft) {
  app.add_option("name", draft.name, "Its name")->required();
  app.add_option("--description", draft.description, "What it is for");
  app.add_option("--rank", draft.rank, "Where tags of a host say different things, the higher wins");
  auto* query = app.add_option("--query", draft.query, "Rule: hosts where this gives a row have the tag");
  app.add_option("--condition", draft.condition, "Rule, as JSON: hosts for which this holds have the tag")
      ->excludes(query);
  app.add_flag("--no-check", draft.no_check, "The query is not held against our agents' schema");
}

}  // namespace

void add_tags(CLI::App& app, Session& session) {
  auto* tags = group(app, "tags", "Tags: by hand, or by a rule");
  command(*tags, session, "list", "All tags, in the order of their rank",
          [&session] { return session.list_whole(path_of({"tags"}), kColumns); });

  auto draft = std::make_shared<Draft>();
  command(*tags, session, "show", "A tag, how far its rule is evaluated, and what uses it",
          [&session, draft]() -> Result<int> {
            auto* api = TRY(session.api());
            const auto tag = TRY(find_tag(*api, draft->name));
            return session.show(TRY(api->get(path_of({"tags", std::to_string(number_at(tag, "id"))}))));
          })
      ->add_option("name", draft->name, "Its name")
      ->required();

  auto* create = command(*tags, session, "create", "Makes a tag", nullptr);
  create->final_callback([&session, draft, create] {
    session.run = [&session, draft, create]() -> Result<int> {
      auto* api = TRY(session.api());
      const auto body = TRY(changed(json::object{{"name", draft->name}}, *draft, *create));
      const auto made = TRY(api->post(path_of({"tags"}), body));
      return session.say(fmt::format("tag {} made, number {}", draft->name, number_at(made, "id")));
    };
  });
  add_fields(*create, *draft);
  create->footer(
      "Examples:\n  ospreyctl tags create web --query \"SELECT 1 FROM listening_ports WHERE port = 443\"\n"
      "  ospreyctl tags create debian --condition '{\"fact\": \"platform\", \"is\": \"debian\"}'");

  auto* edit = command(*tags, session, "edit", "Changes what is said of a tag", nullptr);
  edit->final_callback([&session, draft, edit] {
    session.run = [&session, draft, edit]() -> Result<int> {
      auto* api = TRY(session.api());
      const auto tag = TRY(find_tag(*api, draft->name));
      json::object body;
      for (const auto* member : {"name", "description", "rank", "query", "condition"})
        body[member] = member_at(tag, member);
      if (!draft->new_name.empty()) body["name"] = draft->new_name;
      body = TRY(changed(std::move(body), *draft, *edit));
      TRY(api->put(path_of({"tags", std::to_string(number_at(tag, "id"))}), body));
      return session.say(fmt::format("tag {} changed", draft->name));
    };
  });
  add_fields(*edit, *draft);
  edit->add_option("--name", draft->new_name, "Its new name");
  edit->add_flag("--no-rule", draft->no_rule, "From now on by hand only");

  auto* remove =
      command(*tags, session, "remove", "Removes a tag that nothing uses", [&session, draft]() -> Result<int> {
        auto* api = TRY(session.api());
        const auto tag = TRY(find_tag(*api, draft->name));
        TRY(session.confirmed(
            draft->yes, fmt::format("Remove tag {}, which {} hosts have?", draft->name, number_at(tag, "hosts"))));
        TRY(api->remove(path_of({"tags", std::to_string(number_at(tag, "id"))})));
        return session.say(fmt::format("tag {} removed", draft->name));
      });
  remove->add_option("name", draft->name, "Its name")->required();
  remove->add_flag("--yes", draft->yes, "Does not ask");

  command(*tags, session, "facts", "What conditions are made of", [&session]() -> Result<int> {
    auto* api = TRY(session.api());
    return session.show(TRY(api->get(path_of({"tags", "facts"}))));
  });
  command(*tags, session, "faults", "Hosts on which a tag's query failed",
          [&session, draft]() -> Result<int> {
            auto* api = TRY(session.api());
            const auto tag = std::to_string(number_at(TRY(find_tag(*api, draft->name)), "id"));
            return session.list({"tags", tag, "faults"}, {},
                                {{"HOST", "name"}, {"FAILED", "failed"}, {"ERROR", "error"}});
          })
      ->add_option("name", draft->name, "Its name")
      ->required();
}

}  // namespace osprey::ctl
