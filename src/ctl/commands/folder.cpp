#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "ctl/commands/commands.h"
#include "ctl/files.h"
#include "ctl/folder/plan.h"

namespace osprey::ctl {
namespace {

struct Wanted {
  std::string folder;
  bool prune = false, yes = false, dry_run = false, no_check = false;
};

Result<Plan> read_plan(Session& session, const Wanted& wanted) {
  auto documents = TRY(read_folder(wanted.folder));
  auto* api = TRY(session.api());
  return plan(std::move(documents), TRY(read_server(*api)), wanted.prune);
}

Colour colour_of(const std::string& line) {
  switch (line.front()) {
    case '+':
      return Colour::green;
    case '-':
      return Colour::red;
    case '@':
      return Colour::cyan;
    default:
      return Colour::plain;
  }
}

void print_difference(Session& session, const Change& change) {
  const auto& title = change.document().title();
  session.terminal.write(fmt::format("--- {}", change.present ? "server: " + title : "/dev/null"), Colour::bold);
  session.terminal.write(fmt::format("\n+++ {}", change.wanted ? change.wanted->where : "/dev/null"), Colour::bold);
  session.terminal.write("\n");
  for (const auto& line : difference(change)) {
    session.terminal.write(line, colour_of(line));
    session.terminal.write("\n");
  }
}

void tell_what_is_left(Session& session, const Plan& plan) {
  if (plan.only_on_server.empty()) return;
  std::string names;
  constexpr std::size_t kMost = 5;
  for (std::size_t i = 0; i < plan.only_on_server.size() && i < kMost; ++i)
    names += (i == 0 ? "" : ", ") + plan.only_on_server[i].document.title();
  if (plan.only_on_server.size() > kMost) names += ", …";
  session.terminal.note(
      fmt::format("{} only on the server and left alone (--prune removes them): {}", plan.only_on_server.size(), names),
      Colour::dim);
}

Result<int> diff(Session& session, const Wanted& wanted) {
  session.error_status = kIncomplete;  // as diff(1)
  const auto plan = TRY(read_plan(session, wanted));
  for (const auto& change : plan.changes) print_difference(session, change);
  tell_what_is_left(session, plan);
  return plan.changes.empty() ? kDone : kFailed;
}

// Makes the changes of a plan, or tries them.
class Application {
 public:
  Application(Session& session, Api& api, const Wanted& wanted) : session_(session), api_(api), wanted_(wanted) {}

  // One that fails does not keep the others.
  int run(const Plan& plan) {
    Rows rows(session_.terminal, session_.format);
    rows.keep_until_finish();
    std::size_t failed = 0;
    for (const auto& change : plan.changes)
      if (!change.present && change.document().kind == "tag") new_tags_.insert(change.document().name);
    for (const auto& change : plan.changes) {
      const auto done = wanted_.dry_run ? attempt(change) : apply(change);
      if (!done) {
        ++failed;
        const auto& where = change.wanted ? change.wanted->where : std::string("server");
        session_.terminal.note(fmt::format("{}: {}: {}", where, change.document().title(), done.error().text()),
                               Colour::red);
        continue;
      }
      const auto& document = change.document();
      rows.add(
          {"DONE", "KIND", "NAME", "EFFECT"}, {change.verb(), document.kind, document.name, *done},
          json::object{{"done", change.verb()}, {"kind", document.kind}, {"name", document.name}, {"effect", *done}});
    }
    rows.finish();
    session_.terminal.note(fmt::format("{} {}, {} as they were, {} failed", plan.changes.size() - failed,
                                       wanted_.dry_run ? "would be changed" : "changed", plan.unchanged, failed),
                           failed == 0 ? Colour::green : Colour::red);
    return failed == 0 ? kDone : kFailed;
  }

 private:
  static json::object tag_body(const Document& tag, bool check) {
    json::object body = tag.body;
    body["name"] = tag.name;
    body["check_query"] = check;
    return body;
  }

  json::object draft_of(const Change& change) const {
    json::object draft = change.wanted->body;
    draft["over_version"] = change.present ? change.present->number : 0;
    draft["check"] = !wanted_.no_check;
    return draft;
  }

  static std::string with_warnings(std::string said, const json::value& answer) {
    for (const auto& warning : items_of(member_at(answer, "warnings"))) said += "; " + cell_text(warning);
    return said;
  }

  // What was done, in a word.
  Result<std::string> apply(const Change& change) {
    const auto& document = change.document();
    const bool tag = document.kind == "tag";
    const auto number = std::to_string(change.present ? change.present->number : 0);
    if (!change.wanted) {
      TRY(api_.remove(tag ? path_of({"tags", number}) : path_of({"items", document.kind, document.name})));
      return "";
    }
    if (!tag) {
      const auto saved = TRY(api_.put(path_of({"items", document.kind, document.name}), draft_of(change)));
      return with_warnings(fmt::format("version {}", number_at(member_at(saved, "item"), "version")), saved);
    }
    const auto body = tag_body(document, !wanted_.no_check);
    const auto made =
        TRY(change.present ? api_.put(path_of({"tags", number}), body) : api_.post(path_of({"tags"}), body));
    return fmt::format("{} hosts have it", number_at(made, "hosts"));
  }

  // What would be.
  Result<std::string> attempt(const Change& change) {
    const auto& document = change.document();
    if (document.kind == "tag") return attempt_tag(change);
    if (!change.wanted) {
      const auto effect = TRY(api_.post(path_of({"items", document.kind, document.name, "try_removal"})));
      return fmt::format("{} hosts would change", number_at(effect, "changed"));
    }
    for (const auto& tag : items_of(document.body.at("tags")))
      if (new_tags_.contains(cell_text(tag))) return "for hosts of a tag that is not there yet";
    const auto effect = TRY(api_.post(path_of({"items", document.kind, document.name, "try"}), draft_of(change)));
    return with_warnings(fmt::format("{} hosts would change", number_at(effect, "changed")), effect);
  }

  Result<std::string> attempt_tag(const Change& change) {
    if (!change.wanted) return "";
    json::object rule;
    for (const auto* member : {"query", "condition"})
      if (const auto& said = change.wanted->body.at(member); !said.is_null()) rule[member] = said;
    if (rule.empty()) return "by hand";
    const auto preview = TRY(api_.post(path_of({"tags", "preview"}), rule));
    if (member_at(preview, "hosts").is_null()) return "only the hosts can tell who would have it";
    return fmt::format("{} of {} hosts would have it", number_at(preview, "hosts"), number_at(preview, "of"));
  }

  Session& session_;
  Api& api_;
  const Wanted& wanted_;
  std::set<std::string> new_tags_;
};

Result<int> apply(Session& session, const Wanted& wanted) {
  const auto plan = TRY(read_plan(session, wanted));
  auto* api = TRY(session.api());
  const auto removals = std::ranges::count_if(plan.changes, [](const Change& change) { return !change.wanted; });
  if (removals > 0 && !wanted.dry_run) {
    std::string names;
    for (const auto& change : plan.changes)
      if (!change.wanted) names += "\n  " + change.document().title();
    TRY(session.confirmed(wanted.yes, fmt::format("Remove what the folder does not have?{}\n", names)));
  }
  const auto status = Application(session, *api, wanted).run(plan);
  tell_what_is_left(session, plan);
  return status;
}

// Writes what the server has: what a file says of one thing alone is written over; what stands in a file with others is
// left to people.
class Pull {
 public:
  Pull(Session& session, const Wanted& wanted)
      : session_(session), wanted_(wanted), folder_(without_slash(wanted.folder)) {}

  Result<int> run() {
    auto* api = TRY(session_.api());
    auto present = TRY(read_server(*api));
    std::error_code failed;
    std::vector<Document> documents;
    if (std::filesystem::exists(folder_, failed)) documents = TRY(read_folder(folder_));
    for (const auto& document : documents) ++in_file_[file_in(document)];
    const auto changes = plan(documents, std::move(present), true).changes;
    for (const auto& change : changes) TRY(take(change));
    session_.terminal.note(fmt::format("{} written, {} removed, {} left to you", written_, removed_, left_),
                           left_ == 0 ? Colour::green : Colour::yellow);
    return left_ == 0 ? kDone : kFailed;
  }

 private:
  static std::string without_slash(std::string folder) {
    while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
    return folder;
  }
  static std::string file_in(const Document& document) { return document.where.substr(0, document.where.rfind(':')); }

  // A change of the server's to what the folder has; here it goes the other way.
  Result<void> take(const Change& change) {
    if (!change.wanted) return write(folder_ + "/" + file_of(change.present->document), change.present->document);
    const auto path = file_in(*change.wanted);
    const bool alone = in_file_[path] == 1 && path == folder_ + "/" + file_of(*change.wanted);
    if (!change.present && !wanted_.prune) return leave(*change.wanted, "is not on the server (--prune removes it)");
    if (!alone)
      return leave(*change.wanted, "is not as on the server; the file has other things, too: change it there");
    if (change.present) return write(path, change.present->document);
    std::error_code failed;
    std::filesystem::remove(path, failed);
    if (failed) return system_failure(failed.value(), path);
    ++removed_;
    return {};
  }

  Result<void> leave(const Document& document, std::string_view why) {
    session_.terminal.note(fmt::format("{}: {} {}", document.where, document.title(), why), Colour::yellow);
    ++left_;
    return {};
  }

  Result<void> write(const std::string& path, const Document& document) {
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
    if (failed) return system_failure(failed.value(), path);
    ++written_;
    return write_file(path, text_of(document));
  }

  Session& session_;
  const Wanted& wanted_;
  const std::string folder_;
  std::map<std::string, int> in_file_;
  std::size_t written_ = 0, removed_ = 0, left_ = 0;
};

}  // namespace

void add_folder(CLI::App& app, Session& session) {
  auto wanted = std::make_shared<Wanted>();
  const auto folder = [&](CLI::App* each) {
    each->add_option("folder", wanted->folder, "Folder of YAML or JSON, or one file")->required();
    each->add_flag("--prune", wanted->prune, "What the other side does not have goes, too");
    return each;
  };
  auto* differs = folder(command(app, session, "diff", "What apply would change; ends with 1 if anything",
                                 [&session, wanted] { return diff(session, *wanted); }));
  differs->footer("Ends with 0 where nothing differs, 1 where something does, 2 for an error.");

  auto* applied = folder(command(app, session, "apply", "Makes the server have what a folder says",
                                 [&session, wanted] { return apply(session, *wanted); }));
  applied->add_flag("--dry-run", wanted->dry_run, "Tells what would be done and how many hosts would notice");
  applied->add_flag("--no-check", wanted->no_check, "Queries are not held against our agents' schema");
  applied->add_flag("--yes", wanted->yes, "Does not ask before removing");
  applied->footer(
      "A document says kind (query, pack, file_paths, options, decorators, extra, tag) and name; several may stand in\n"
      "a file of YAML. osquery's own packs and configurations go as they are.\n\n"
      "Example of a file:\n"
      "  kind: query\n"
      "  name: listening\n"
      "  tags: [web]\n"
      "  content:\n"
      "    query: SELECT * FROM listening_ports\n"
      "    interval: 3600\n"
      "  ---\n"
      "  kind: tag\n"
      "  name: web\n"
      "  query: SELECT 1 FROM listening_ports WHERE port = 443");

  folder(command(app, session, "pull", "Writes what the server has into a folder, a file each",
                 [&session, wanted] { return Pull(session, *wanted).run(); }));
}

}  // namespace osprey::ctl
