#include "server/queries/compose.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "server/api/problem.h"

namespace osprey::server::queries {
namespace {

namespace json = boost::json;

struct Layer {
  const Assigned* assigned = nullptr;
  std::ptrdiff_t position = -1;  // of the tag in the order; -1: every host
};

std::string pointer_to(std::initializer_list<std::string_view> names) {
  std::string pointer;
  for (const auto name : names) pointer += '/' + api::pointer_token(name);
  return pointer;
}

class Composer {
 public:
  explicit Composer(std::span<const OrderedTag> order) : order_(order) {}

  void lay(const Layer& layer) {
    layer_ = &layer;
    const auto& item = layer.assigned->item;
    switch (item.kind) {
      case Kind::query:
        put_member("schedule", item.name, item.content);
        break;
      case Kind::pack:
        put_member("packs", item.name, item.content);
        break;
      case Kind::options:
        for (const auto& option : item.content) put_member("options", option.key(), option.value());
        break;
      case Kind::decorators:
        for (const auto& when : item.content) lay_decorators(when.key(), when.value());
        break;
      case Kind::file_paths:
      case Kind::extra:
        for (const auto& key : item.content) lay_key(key.key(), key.value());
        break;
    }
  }

  Composition take() && {
    for (auto& [pointer, origin] : origins_) made_.origins.push_back(std::move(origin));
    return std::move(made_);
  }

 private:
  json::object& section(std::string_view name) {
    auto& value = made_.document[name];
    if (!value.is_object()) value.emplace_object();
    return value.get_object();
  }

  void put_member(std::string_view name, std::string_view member, const json::value& value) {
    section(name)[member] = value;
    note(pointer_to({name, member}), true);
  }

  // load and always are lists, interval is lists by seconds.
  void lay_decorators(std::string_view when, const json::value& value) {
    if (!value.is_object()) return join(section("decorators"), when, value, pointer_to({"decorators", when}));
    auto& intervals = section("decorators")[when];
    if (!intervals.is_object()) intervals.emplace_object();
    for (const auto& interval : value.get_object())
      join(intervals.get_object(), interval.key(), interval.value(), pointer_to({"decorators", when, interval.key()}));
  }

  void lay_key(std::string_view name, const json::value& value) {
    if (value.is_object()) {
      for (const auto& member : value.get_object()) put_member(name, member.key(), member.value());
    } else if (value.is_array()) {
      join(made_.document, name, value, pointer_to({name}));
    } else {
      made_.document[name] = value;
      note(pointer_to({name}), true);
    }
  }

  void join(json::object& into, std::string_view name, const json::value& value, std::string pointer) {
    auto& list = into[name];
    if (!list.is_array()) list.emplace_array();
    auto& joined = list.get_array();
    if (!value.is_array()) return;
    for (const auto& each : value.get_array())
      if (std::ranges::find(joined, each) == joined.end()) joined.push_back(each);
    note(std::move(pointer), false);
  }

  void note(std::string pointer, bool replaces) {
    const auto& item = layer_->assigned->item;
    Origin origin{.pointer = pointer, .kind = item.kind, .item = item.name};
    if (layer_->position >= 0) origin.tag = order_[static_cast<std::size_t>(layer_->position)].name;
    const auto before = origins_.find(pointer);
    if (before != origins_.end() && replaces) {
      origin.overrides = before->second.overrides;
      origin.overrides.push_back(std::string(api::name_of(before->second.kind)) + " " + before->second.item);
    } else if (before != origins_.end()) {
      // A joined list has several origins: one entry each.
      for (int i = 2; origins_.contains(pointer); ++i) pointer = origin.pointer + "\n" + std::to_string(i);
    }
    origins_.insert_or_assign(pointer, std::move(origin));
  }

  std::span<const OrderedTag> order_;
  const Layer* layer_ = nullptr;
  Composition made_;
  std::map<std::string, Origin, std::less<>> origins_;
};

}  // namespace

Composition compose(std::span<const Assigned> items, std::span<const hosts::TagId> host_tags,
                    std::span<const OrderedTag> order) {
  std::vector<Layer> layers;
  for (const auto& assigned : items) {
    if (!assigned.item.enabled || assigned.item.deleted) continue;
    if (assigned.tags.empty()) {
      layers.push_back({&assigned, -1});
      continue;
    }
    for (auto position = static_cast<std::ptrdiff_t>(order.size()) - 1; position >= 0; --position) {
      const auto tag = order[static_cast<std::size_t>(position)].id;
      if (std::ranges::find(assigned.tags, tag) == assigned.tags.end()) continue;
      if (std::ranges::find(host_tags, tag) == host_tags.end()) continue;
      layers.push_back({&assigned, position});
      break;
    }
  }
  std::ranges::sort(layers, [](const Layer& a, const Layer& b) {
    return std::tie(a.position, a.assigned->item.kind, a.assigned->item.name) <
           std::tie(b.position, b.assigned->item.kind, b.assigned->item.name);
  });
  Composer composer(order);
  for (const auto& layer : layers) composer.lay(layer);
  return std::move(composer).take();
}

std::vector<Draft> split(const json::object& document) {
  std::vector<Draft> drafts;
  const auto add = [&](Kind kind, std::string name, json::object content) {
    drafts.push_back({.kind = kind, .name = std::move(name), .content = std::move(content)});
  };
  json::object paths;
  json::object extra;
  for (const auto& key : document) {
    const std::string_view name = key.key();
    const auto* object = key.value().if_object();
    if (object && (name == "schedule" || name == "packs")) {
      const auto kind = name == "schedule" ? Kind::query : Kind::pack;
      for (const auto& member : *object)
        add(kind, member.key(), member.value().is_object() ? member.value().get_object() : json::object{});
    } else if (object && name == "options") {
      add(Kind::options, "imported", *object);
    } else if (object && name == "decorators") {
      add(Kind::decorators, "imported", *object);
    } else if (name.starts_with("file_") || name == "exclude_paths") {
      paths[name] = key.value();
    } else if (name != "etag") {
      extra[name] = key.value();
    }
  }
  if (!paths.empty()) add(Kind::file_paths, "imported", std::move(paths));
  if (!extra.empty()) add(Kind::extra, "imported", std::move(extra));
  return drafts;
}

}  // namespace osprey::server::queries
