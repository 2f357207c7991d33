// How the items that are for a host become its configuration. Items are laid over each other in one order: first those
// for every host, then those for its tags in the order of the tags (tags::Tags::all(): ascending by rank), items of one
// tag by kind and name. An item that is for several of the host's tags counts for the last of them. Where two say
// different things of the same query, pack, option or file category, the later wins; lists (decorators, file_accesses)
// are joined.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>
#include <vector>

#include "server/hosts/host.h"
#include "server/queries/item.h"

namespace osprey::server::queries {

struct Assigned {
  Item item;
  std::vector<hosts::TagId> tags;
};

// A piece of a composed configuration and where it comes from.
struct Origin {
  std::string pointer;  // JSON pointer (RFC 6901)
  Kind kind = Kind::query;
  std::string item;
  std::string tag;                     // for which the host has it; empty: every host does
  std::vector<std::string> overrides;  // what the same place had from before, as "kind item"
  static constexpr std::string_view kTypeName = "ConfigurationOrigin";
  static constexpr auto fields() {
    return std::tuple(api::field("pointer", &Origin::pointer, "The place in the configuration (JSON pointer)."),
                      api::field("kind", &Origin::kind, "Kind of the item that says so."),
                      api::field("item", &Origin::item, "Its name."),
                      api::field("tag", &Origin::tag, "The tag for which the host has it; empty: every host does."),
                      api::field("overrides", &Origin::overrides, "Items that said something else there, and lost."));
  }
};

struct Composition {
  boost::json::object document;
  std::vector<Origin> origins;
};

// `order`: every tag, by id and name, in the order in which they are laid.
struct OrderedTag {
  hosts::TagId id = 0;
  std::string name;
};
Composition compose(std::span<const Assigned> items, std::span<const hosts::TagId> host_tags,
                    std::span<const OrderedTag> order);

// Items that `document`, a whole configuration of osquery's, falls into.
std::vector<Draft> split(const boost::json::object& document);

}  // namespace osprey::server::queries
