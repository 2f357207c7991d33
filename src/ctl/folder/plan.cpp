#include "ctl/folder/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ctl/folder/diff.h"

namespace osprey::ctl {
namespace {

// `value` with the members of objects in the order that `model` has them, so that a difference shows what is different.
json::value ordered_as(const json::value& value, const json::value& model) {
  const auto* object = value.if_object();
  const auto* order = model.if_object();
  if (!object || !order) return value;
  json::object made;
  for (const auto& member : *order)
    if (const auto* own = object->if_contains(member.key())) made[member.key()] = ordered_as(*own, member.value());
  for (const auto& member : *object)
    if (!made.contains(member.key())) made[member.key()] = member.value();
  return made;
}

int rank_of(const Change& change) {
  const bool tag = change.document().kind == "tag";
  if (change.wanted) return tag ? 0 : 1;
  return tag ? 3 : 2;
}

}  // namespace

Result<std::vector<Present>> read_server(Api& api) {
  std::vector<Present> present;
  const auto tags = TRY(api.get(path_of({"tags"})));
  for (const auto& tag : items_of(tags)) present.push_back({document_of_tag(tag), number_at(tag, "id")});
  const auto items = TRY(api.get(path_of({"items"})));
  for (const auto& item : items_of(items)) present.push_back({document_of_item(item), number_at(item, "version")});
  return present;
}

Plan plan(std::vector<Document> wanted, std::vector<Present> present, bool prune) {
  Plan made;
  std::map<std::string, Present> left;
  for (auto& each : present) left.emplace(each.document.title(), std::move(each));
  for (auto& document : wanted) {
    const auto found = left.find(document.title());
    if (found == left.end()) {
      made.changes.push_back({std::move(document), std::nullopt});
      continue;
    }
    if (found->second.document.body == document.body)
      ++made.unchanged;
    else
      made.changes.push_back({std::move(document), std::move(found->second)});
    left.erase(found);
  }
  for (auto& [title, each] : left) {
    if (prune)
      made.changes.push_back({std::nullopt, std::move(each)});
    else
      made.only_on_server.push_back(std::move(each));
  }
  std::ranges::stable_sort(made.changes, {}, rank_of);
  return made;
}

std::vector<std::string> difference(const Change& change) {
  std::string before;
  if (change.present) {
    auto shown = change.present->document;
    if (change.wanted) shown.body = ordered_as(shown.body, change.wanted->body).get_object();
    before = text_of(shown);
  }
  return unified_diff(before, change.wanted ? text_of(*change.wanted) : "");
}

}  // namespace osprey::ctl
