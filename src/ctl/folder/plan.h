// Plan: what has to change on the server so that it has what a folder says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/api.h"
#include "ctl/folder/documents.h"

namespace osprey::ctl {

// What the server has.
struct Present {
  Document document;
  std::int64_t number = 0;  // of an item its version, of a tag its id
};
Result<std::vector<Present>> read_server(Api& api);

struct Change {
  std::optional<Document> wanted;  // none: it is removed
  std::optional<Present> present;  // none: it is new
  const Document& document() const { return wanted ? *wanted : present->document; }
  const char* verb() const { return !wanted ? "remove" : present ? "change" : "create"; }
};

struct Plan {
  // In the order in which the server takes them: tags before what is for their hosts, removals last and tags last of
  // all.
  std::vector<Change> changes;
  std::size_t unchanged = 0;
  std::vector<Present> only_on_server;  // what is left alone because it is not to be removed
};
Plan plan(std::vector<Document> wanted, std::vector<Present> present, bool prune);

// The change as a unified difference of the two documents' texts.
std::vector<std::string> difference(const Change& change);

}  // namespace osprey::ctl
