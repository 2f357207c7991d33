#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "ctl/commands/commands.h"
#include "ctl/files.h"

namespace osprey::ctl {
namespace {

// A file of JSON lines.
class LinesFile {
 public:
  explicit LinesFile(GrowingFile file) : file_(std::move(file)) {}

  bool write(std::string_view bytes) {
    lines_ += static_cast<std::size_t>(std::ranges::count(bytes, '\n'));
    return file_.write(bytes);
  }
  bool add(const json::value& value) { return write(json::serialize(value) + "\n"); }

  // How many there are.
  Result<std::size_t> finish() {
    TRY(file_.finish());
    return lines_;
  }

 private:
  GrowingFile file_;
  std::size_t lines_ = 0;
};

class Export {
 public:
  Export(Session& session, Api& api, std::string folder) : session_(session), api_(api), folder_(std::move(folder)) {}

  Result<int> run() {
    std::error_code failed;
    std::filesystem::create_directories(folder_, failed);
    if (failed) return system_failure(failed.value(), folder_);
    // What one may not see is left out, and said.
    attempt("hosts", [&](LinesFile& file) { return hosts(file); });
    attempt("tags", [&](LinesFile& file) { return whole(file, path_of({"tags"})); });
    attempt("items", [&](LinesFile& file) { return items(file); });
    attempt("secrets", [&](LinesFile& file) { return whole(file, path_of({"enrollment", "secrets"})); });
    attempt("enrollment_failures", [&](LinesFile& file) { return pages(file, {"enrollment", "failures"}); });
    attempt("enrollment_conflicts", [&](LinesFile& file) { return pages(file, {"enrollment", "conflicts"}); });
    attempt("live", [&](LinesFile& file) { return live(file); });
    attempt("carves", [&](LinesFile& file) { return pages(file, {"carves"}); });
    attempt("results", [&](LinesFile& file) { return stream(file, path_of({"results", "export"})); });
    attempt("status",
            [&](LinesFile& file) { return stream(file, path_of({"results", "export"}, {{"status", "true"}})); });
    attempt("administrators", [&](LinesFile& file) { return pages(file, {"administrators"}); });
    attempt("tokens", [&](LinesFile& file) { return pages(file, {"tokens"}); });
    attempt("activity", [&](LinesFile& file) { return stream(file, path_of({"activity", "export"})); });
    return failed_ == 0 ? kDone : kFailed;
  }

 private:
  void attempt(const std::string& name, const std::function<Result<void>(LinesFile&)>& write) {
    if (Session::interrupt().requested()) return;
    const auto lines = [&]() -> Result<std::size_t> {
      LinesFile file(TRY(GrowingFile::make(fmt::format("{}/{}.jsonl", folder_, name))));
      session_.terminal.progress(name + "…");
      TRY(write(file));
      return file.finish();
    }();
    session_.terminal.progress("");
    if (!lines) ++failed_;
    session_.terminal.note(
        lines ? fmt::format("{}.jsonl: {} lines", name, *lines) : fmt::format("{}: {}", name, lines.error().text()),
        lines ? Colour::plain : Colour::red);
  }

  Result<void> pages(LinesFile& file, std::initializer_list<std::string_view> path) {
    return api_.each(path, {}, [&](const json::value& item) { return file.add(item); });
  }
  Result<void> whole(LinesFile& file, const std::string& target) {
    const auto answer = TRY(api_.get(target));
    for (const auto& item : items_of(answer)) file.add(item);
    return {};
  }
  Result<void> stream(LinesFile& file, const std::string& target) {
    return api_.stream(target, [&](std::string_view bytes) { return file.write(bytes); });
  }

  // All that is known of each.
  Result<void> hosts(LinesFile& file) {
    std::optional<Error> wrong;
    TRY(api_.each({"hosts"}, {}, [&](const json::value& row) {
      const auto host = api_.get(path_of({"hosts", std::to_string(number_at(row, "id"))}));
      if (!host && host.error().absent()) return true;  // removed since
      if (!host) wrong = host.error();
      return host && file.add(*host);
    }));
    if (wrong) return std::unexpected(*wrong);
    return {};
  }

  Result<void> items(LinesFile& file) {
    const auto all = TRY(api_.get(path_of({"items"})));
    for (const auto& item : items_of(all)) {
      auto whole = item;
      const auto versions = TRY(api_.get(path_of({"items", text_at(item, "kind"), text_at(item, "name"), "versions"})));
      whole.as_object()["versions"] = items_of(versions);
      file.add(whole);
    }
    return {};
  }

  // A line a query, then a line an answer of a host's to it.
  Result<void> live(LinesFile& file) {
    std::vector<json::value> queries;
    TRY(api_.each({"live"}, {}, [&](const json::value& query) {
      queries.push_back(query);
      return true;
    }));
    for (const auto& query : queries) {
      const auto id = std::to_string(number_at(query, "id"));
      file.add(json::object{{"query", query}});
      TRY(api_.each({"live", id, "hosts"}, {{"rows", "true"}}, [&](const json::value& answer) {
        return file.add(json::object{{"query_id", number_at(query, "id")}, {"answer", answer}});
      }));
    }
    return {};
  }

  Session& session_;
  Api& api_;
  const std::string folder_;
  std::size_t failed_ = 0;
};

}  // namespace

void add_export(CLI::App& app, Session& session) {
  auto folder = std::make_shared<std::string>();
  auto* exported = command(app, session, "export", "Writes all there is into a folder, as JSON lines",
                           [&session, folder]() -> Result<int> {
                             auto* api = TRY(session.api());
                             return Export(session, *api, *folder).run();
                           });
  exported->add_option("directory", *folder, "Made if it is not there; only its owner can read the files")->required();
  exported->footer(
      "One file a kind: hosts, tags, items with all versions, secrets without their texts, live queries\n"
      "with their answers, carves, results, status, administrators, tokens, activity.");
}

}  // namespace osprey::ctl
