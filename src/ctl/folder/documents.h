// Documents: what a folder of YAML and JSON says that a server is to have. See docs/fleet.md.
//
//   kind: query                       # or pack, file_paths, options, decorators, extra, tag
//   name: listening
//   description: What listens.
//   tags: [web]                       # none: every host
//   enabled: true
//   content: {query: SELECT * FROM listening_ports, interval: 3600}
//
//   kind: tag
//   name: web
//   rank: 10
//   query: SELECT 1 FROM listening_ports WHERE port = 443      # or condition:
//
// osquery's own files go as they are: a pack (it has "queries") is named by its file, a configuration becomes items.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::ctl {

struct Document {
  std::string kind;
  std::string name;
  boost::json::object body;  // members but kind and name, in the order of known_members(), defaults filled in
  std::string where;         // "fleet/web.yaml:12"
  std::string title() const { return kind + " " + name; }
};

// Kinds of items; tags are not among them.
std::vector<std::string> item_kinds();

// The documents of one file; all its errors at once. `path` names it and tells JSON from YAML by its ending.
Result<std::vector<Document>> read_documents(const std::string& path, std::string_view text);

// One object, whatever it is.
Result<boost::json::object> read_content(const std::string& path, std::string_view text);

// Every .yaml, .yml, .json and .conf below `folder`, by path; hidden ones are left out. Two of one title are an error.
Result<std::vector<Document>> read_folder(const std::string& folder);

// As the server tells it.
Document document_of_item(const boost::json::value& item);
Document document_of_tag(const boost::json::value& tag);

// As it is written into a folder.
std::string text_of(const Document& document);
// Where `pull` writes it: "queries/listening.yaml".
std::string file_of(const Document& document);

}  // namespace osprey::ctl
