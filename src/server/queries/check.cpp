#include "server/queries/check.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "protocol/configuration.h"
#include "server/api/problem.h"
#include "server/queries/compose.h"
#include "server/queries/sql_check.h"

namespace osprey::server::queries {
namespace {

namespace json = boost::json;

// The server's items never name files.
class NoFiles : public protocol::PackFiles {
 public:
  Result<std::string> read(const std::string& path) const override {
    return failure(path, "a pack's content is wanted, not its path on the host");
  }
  std::vector<std::string> match(const std::string&) const override { return {}; }
};

Result<protocol::Document> parsed(const Draft& draft) {
  const Assigned only[] = {{.item = {.kind = draft.kind, .name = draft.name, .content = draft.content}}};
  const auto text = json::serialize(compose(only, {}, {}).document);
  auto document = protocol::parse_document(fmt::format("{} {}", api::name_of(draft.kind), draft.name), text,
                                           protocol::ConfigForm::strict, NoFiles());
  if (!document) return api::problem(api::kInvalid, "content", document.error().text());
  return document;
}

void check_pack(const protocol::Pack& pack, std::vector<std::string>& warnings) {
  if (!protocol::runs_on_linux(pack.platform)) return;
  for (const auto& query : pack.queries) {
    if (!protocol::runs_on_linux(query.platform)) continue;
    if (const auto fine = check_sql(query.sql); !fine)
      warnings.push_back(fmt::format("query {}: {}", query.name, fine.error().text()));
  }
}

}  // namespace

Result<std::vector<std::string>> check(const Draft& draft) {
  std::vector<std::string> warnings;
  const auto document = TRY(parsed(draft));
  for (const auto& note : document.notes)
    if (note.severity != protocol::Severity::info) warnings.push_back(fmt::format("{}: {}", note.where, note.text));
  for (const auto& pack : document.packs) check_pack(pack, warnings);
  if (draft.kind == Kind::query) {
    const auto* sql = draft.content.if_contains("query");
    if (!sql || !sql->is_string()) return api::problem(api::kInvalid, "content", "needs \"query\", the SQL as text");
    if (const auto fine = check_sql(sql->get_string()); !fine) {
      if (draft.check) return std::unexpected(fine.error());
      warnings.push_back(fine.error().text());
    }
  }
  if (draft.kind == Kind::pack && document.packs.empty())
    return api::problem(api::kInvalid, "content", "is no pack: an object with \"queries\" is wanted");
  return warnings;
}

}  // namespace osprey::server::queries
