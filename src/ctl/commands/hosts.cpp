#include <fmt/format.h>

#include "ctl/commands/commands.h"

namespace osprey::ctl {
namespace {

struct Filter {
  std::string text, status, platform, version, sort;
  std::vector<std::string> tags;
  std::int64_t most = 0;
  bool descending = false;
};

struct Named {
  std::vector<std::string> hosts;
  std::string tag;
  bool yes = false;
};

const std::vector<Column> kColumns{{"ID", "id"},
                                   {"NAME", "name"},
                                   {"STATUS", "status"},
                                   {"PLATFORM", "platform"},
                                   {"VERSION", "os_version"},
                                   {"AGENT", "version"},
                                   {"ADDRESS", "address"},
                                   {"LAST SEEN", "last_seen"},
                                   {"TAGS", "tags"}};

Result<int> list(Session& session, const Filter& filter) {
  auto* api = TRY(session.api());
  Parameters parameters{{"text", filter.text},       {"status", filter.status}, {"platform", filter.platform},
                        {"version", filter.version}, {"sort", filter.sort},     {}};
  if (filter.descending) parameters.emplace_back("descending", "true");
  for (const auto& tag : filter.tags) {
    const auto found = TRY(find_tag(*api, tag));
    parameters.emplace_back("tag", std::to_string(number_at(found, "id")));
  }
  return session.list({"hosts"}, parameters, kColumns, filter.most);
}

Result<int> show(Session& session, const std::string& name, std::string_view what) {
  auto* api = TRY(session.api());
  const auto id = std::to_string(number_at(TRY(find_host(*api, name)), "id"));
  return session.show(TRY(api->get(what.empty() ? path_of({"hosts", id}) : path_of({"hosts", id, what}))));
}

// The configuration and, below it, where each piece of it comes from.
Result<int> show_configuration(Session& session, const std::string& name, bool origins) {
  auto* api = TRY(session.api());
  const auto id = std::to_string(number_at(TRY(find_host(*api, name)), "id"));
  const auto made = TRY(api->get(path_of({"hosts", id, "configuration"})));
  if (origins) return session.show(member_at(made, "origins"));
  if (session.format != Format::table) return session.show(made);
  session.terminal.write(pretty_json(member_at(made, "configuration")) + "\n");
  return kDone;
}

Result<int> remove(Session& session, const Named& named) {
  auto* api = TRY(session.api());
  const auto numbers = TRY(host_numbers(*api, named.hosts));
  TRY(session.confirmed(named.yes,
                        fmt::format("Remove {} and all that is kept of them?", fmt::join(named.hosts, ", "))));
  const auto removed = TRY(
      api->post(path_of({"hosts", "remove"}), json::object{{"hosts", json::array(numbers.begin(), numbers.end())}}));
  return session.say(fmt::format("{} removed", number_at(removed, "removed")));
}

Result<int> change_tag(Session& session, const Named& named, std::string_view how) {
  auto* api = TRY(session.api());
  const auto tag = std::to_string(number_at(TRY(find_tag(*api, named.tag)), "id"));
  const auto numbers = TRY(host_numbers(*api, named.hosts));
  TRY(api->post(path_of({"tags", tag, "hosts"}), json::object{{how, json::array(numbers.begin(), numbers.end())}}));
  return session.say(
      fmt::format("{} {} {}", named.tag, how == "add" ? "given to" : "taken from", fmt::join(named.hosts, ", ")));
}

}  // namespace

void add_hosts(CLI::App& app, Session& session) {
  auto* hosts = group(app, "hosts", "Hosts: find, show, tag, remove");

  auto filter = std::make_shared<Filter>();
  auto* listed = command(*hosts, session, "list", "Hosts that a search finds; all without one",
                         [&session, filter] { return list(session, *filter); });
  listed->add_option("text", filter->text, "Within name, identifier, UUID, address, platform or serial number");
  listed->add_option("--tag", filter->tags, "Only hosts that have it; of several, that have all");
  listed->add_option("--status", filter->status, "Only those")->check(CLI::IsMember({"online", "late", "missing"}));
  listed->add_option("--platform", filter->platform, "Only this platform: debian, ubuntu…");
  listed->add_option("--agent-version", filter->version, "Only this version of the agent");
  listed->add_option("--sort", filter->sort, "name, last_seen, enrolled…");
  listed->add_flag("--descending", filter->descending, "The other way round");
  listed->add_option("--most", filter->most, "No more than so many");
  listed->footer(
      "Examples:\n  ospreyctl hosts list web --status missing\n"
      "  ospreyctl hosts list --tag production --format csv > hosts.csv");

  command(*hosts, session, "count", "How many there are, by status, platform and version", [&session]() -> Result<int> {
    auto* api = TRY(session.api());
    return session.show(TRY(api->get(path_of({"hosts", "counts"}))));
  });

  auto name = std::make_shared<std::string>();
  constexpr auto kHostHelp = "Name, identifier, UUID or number";
  command(*hosts, session, "show", "All that is known of a host", [&session, name] { return show(session, *name, ""); })
      ->add_option("host", *name, kHostHelp)
      ->required();
  command(*hosts, session, "tags", "A host's tags, and why it has them",
          [&session, name] { return show(session, *name, "tags"); })
      ->add_option("host", *name, kHostHelp)
      ->required();
  auto origins = std::make_shared<bool>(false);
  auto* configuration = command(*hosts, session, "configuration", "The configuration that a host is sent",
                                [&session, name, origins] { return show_configuration(session, *name, *origins); });
  configuration->add_option("host", *name, kHostHelp)->required();
  configuration->add_flag("--origins", *origins, "Where each piece of it comes from");

  auto named = std::make_shared<Named>();
  const auto many = [&](CLI::App* each) {
    each->add_option("hosts", named->hosts, kHostHelp)->required();
    return each;
  };
  many(command(*hosts, session, "remove", "Removes hosts and all that is kept of them", [&session, named] {
    return remove(session, *named);
  }))->add_flag("--yes", named->yes, "Does not ask");
  many(command(*hosts, session, "refresh", "Has hosts asked for their details with their next request",
               [&session, named]() -> Result<int> {
                 auto* api = TRY(session.api());
                 const auto numbers = TRY(host_numbers(*api, named->hosts));
                 TRY(api->post(path_of({"hosts", "refresh"}),
                               json::object{{"hosts", json::array(numbers.begin(), numbers.end())}}));
                 return session.say("they will be asked");
               }));
  for (const auto& [verb, how, help] :
       {std::tuple{"tag", "add", "Gives hosts a tag by hand"},
        std::tuple{"untag", "remove", "Takes a tag that hosts have by hand; by a rule or a secret they keep it"}}) {
    auto* change = command(*hosts, session, verb, help,
                           [&session, named, how = std::string_view(how)] { return change_tag(session, *named, how); });
    change->add_option("tag", named->tag, "Name of the tag")->required();
    many(change);
  }

  command(*hosts, session, "conflicts", "Machines that are alive under one identifier: cloned images", [&session] {
    return session.list({"enrollment", "conflicts"}, {},
                        {{"IDENTIFIER", "identifier"},
                         {"HOST", "host"},
                         {"ADDRESS", "address"},
                         {"OTHER", "other_host"},
                         {"OTHER ADDRESS", "other_address"},
                         {"LAST", "last_at"}});
  });
  auto revoked = std::make_shared<bool>(false);
  auto* revoke = many(command(*hosts, session, "revoke-key", "Ends hosts' node keys: they have to enrol again",
                              [&session, named, revoked]() -> Result<int> {
                                auto* api = TRY(session.api());
                                for (const auto id : TRY(host_numbers(*api, named->hosts)))
                                  TRY(api->post(path_of({"hosts", std::to_string(id), "revoke_node_key"}),
                                                json::object{{"may_enroll_again", !*revoked}}));
                                return session.say("their keys are worth nothing any more");
                              }));
  revoke->add_flag("--for-good", *revoked, "They may not enrol again, either");
}

}  // namespace osprey::ctl
