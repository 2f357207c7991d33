#include <fmt/format.h>

#include "ctl/commands/commands.h"
#include "ctl/files.h"
#include "ctl/folder/documents.h"

namespace osprey::ctl {
namespace {

struct Wanted {
  std::string kind, name, file, description;
  std::vector<std::string> tags;
  std::int64_t version = 0;
  bool no_check = false, yes = false, dry_run = false, disabled = false;
};

const std::vector<Column> kColumns{
    {"KIND", "kind"},       {"NAME", "name"},          {"ENABLED", "enabled"}, {"TAGS", "tags"},
    {"VERSION", "version"}, {"CHANGED", "changed_at"}, {"BY", "changed_by"},   {"DESCRIPTION", "description"}};

std::string item_path(const Wanted& wanted, std::string_view more = {}) {
  return more.empty() ? path_of({"items", wanted.kind, wanted.name})
                      : path_of({"items", wanted.kind, wanted.name, more});
}

// The error tells the nearest name where the server knows none.
Result<json::value> find_item(Api& api, const Wanted& wanted) {
  auto found = api.get(item_path(wanted));
  if (found || !found.error().absent()) return found;
  std::vector<std::string> names;
  const auto all = TRY(api.get(path_of({"items"}, {{"kind", wanted.kind}})));
  for (const auto& item : items_of(all)) names.emplace_back(text_at(item, "name"));
  return there_is_no(wanted.kind, wanted.name, names);
}

// From a file: a document of ours, or osquery's own form of the content.
Result<json::object> draft_of(const Wanted& wanted) {
  json::object draft;
  if (wanted.file.empty()) return failure("", "which file? --file FILE, - is standard input");
  const auto text = TRY(read_file(wanted.file));
  const auto read = TRY(read_content(wanted.file, text));
  draft["content"] = read.contains("content") ? read.at("content") : json::value(read);
  for (const auto* member : {"description", "tags", "enabled"})
    if (read.contains("content") && read.contains(member)) draft[member] = read.at(member);
  if (!wanted.description.empty()) draft["description"] = wanted.description;
  if (!wanted.tags.empty()) draft["tags"] = json::array(wanted.tags.begin(), wanted.tags.end());
  if (wanted.disabled) draft["enabled"] = false;
  draft["check"] = !wanted.no_check;
  return draft;
}

Result<int> show_effect(Session& session, const json::value& effect) {
  if (session.format != Format::table) return session.show(effect);
  for (const auto& warning : items_of(member_at(effect, "warnings")))
    session.terminal.note(cell_text(warning), Colour::yellow);
  for (const auto& host : items_of(member_at(effect, "hosts")))
    session.terminal.write(cell_text(member_at(host, "name")) + "\n");
  return session.say(fmt::format("{} hosts would change, {} would not notice", number_at(effect, "changed"),
                                 number_at(effect, "unchanged")));
}

Result<int> save(Session& session, const Wanted& wanted) {
  auto* api = TRY(session.api());
  const auto draft = TRY(draft_of(wanted));
  if (wanted.dry_run) return show_effect(session, TRY(api->post(item_path(wanted, "try"), draft)));
  const auto saved = TRY(api->put(item_path(wanted), draft));
  for (const auto& warning : items_of(member_at(saved, "warnings")))
    session.terminal.note(cell_text(warning), Colour::yellow);
  return session.say(
      fmt::format("{} {} saved, version {}", wanted.kind, wanted.name, number_at(member_at(saved, "item"), "version")));
}

Result<int> remove(Session& session, const Wanted& wanted) {
  auto* api = TRY(session.api());
  TRY(find_item(*api, wanted));
  const auto effect = TRY(api->post(item_path(wanted, "try_removal")));
  if (wanted.dry_run) return show_effect(session, effect);
  TRY(session.confirmed(
      wanted.yes, fmt::format("Take {} {} from {} hosts?", wanted.kind, wanted.name, number_at(effect, "changed"))));
  TRY(api->remove(item_path(wanted)));
  return session.say(fmt::format("{} {} removed; its history stays", wanted.kind, wanted.name));
}

// The commands of one kind; `kind` empty: the kind is their first argument.
void add_kind(CLI::App& app, Session& session, const std::string& family, const std::string& kind,
              const std::string& help) {
  auto* items = group(app, family, help);
  auto wanted = std::make_shared<Wanted>();
  wanted->kind = kind;
  const auto named = [&](CLI::App* each) {
    if (kind.empty())
      each->add_option("kind", wanted->kind, "What it is a piece of")->required()->check(CLI::IsMember(item_kinds()));
    each->add_option("name", wanted->name, "Its name")->required();
    return each;
  };

  command(*items, session, "list", "All of them",
          [&session, wanted] { return session.list_whole(path_of({"items"}, {{"kind", wanted->kind}}), kColumns); });
  named(command(*items, session, "show", "One, as it is now", [&session, wanted]() -> Result<int> {
    auto* api = TRY(session.api());
    return session.show(TRY(find_item(*api, *wanted)));
  }));

  auto* saved = named(command(*items, session, "save", "Makes one of a file, or a new version of it",
                              [&session, wanted] { return save(session, *wanted); }));
  saved->add_option("-f,--file", wanted->file, "YAML or JSON, in osquery's format; - is standard input")->required();
  saved->add_option("--description", wanted->description, "What it is for");
  saved->add_option("--tag", wanted->tags, "Only for hosts that have the tag; may be said several times");
  saved->add_flag("--disabled", wanted->disabled, "Hosts do not get it");
  saved->add_flag("--no-check", wanted->no_check, "Not held against our agents' schema");
  saved->add_flag("--dry-run", wanted->dry_run, "Tells which hosts would change, and changes nothing");

  auto* removed = named(command(*items, session, "remove", "Takes one from all hosts; its history stays",
                                [&session, wanted] { return remove(session, *wanted); }));
  removed->add_flag("--yes", wanted->yes, "Does not ask");
  removed->add_flag("--dry-run", wanted->dry_run, "Tells which hosts would change, and changes nothing");

  named(command(*items, session, "history", "Every version of one", [&session, wanted]() -> Result<int> {
    auto* api = TRY(session.api());
    const auto versions = TRY(api->get(item_path(*wanted, "versions")));
    return session.show_list(items_of(versions), {{"VERSION", "version"},
                                                  {"CHANGED", "changed_at"},
                                                  {"BY", "changed_by"},
                                                  {"REMOVED", "deleted"},
                                                  {"TAGS", "tags"},
                                                  {"CONTENT", "content"}});
  }));
  auto* rolled = named(
      command(*items, session, "rollback", "Makes an older version the newest", [&session, wanted]() -> Result<int> {
        auto* api = TRY(session.api());
        const auto item = TRY(api->post(item_path(*wanted, "roll_back"), json::object{{"version", wanted->version}}));
        return session.say(fmt::format("{} {} is as version {} was, as version {}", wanted->kind, wanted->name,
                                       wanted->version, number_at(item, "version")));
      }));
  rolled->add_option("--to", wanted->version, "The version whose content it is to have")->required();
}

}  // namespace

void add_items(CLI::App& app, Session& session) {
  add_kind(app, session, "queries", "query", "Saved queries: what hosts run on schedule");
  add_kind(app, session, "packs", "pack", "Packs, in osquery's format");
  add_kind(app, session, "items", "", "All that hosts are told: query, pack, file_paths, options, decorators, extra");
}

}  // namespace osprey::ctl
