#include "events/watch/watch_patterns.h"

#include <algorithm>
#include <numeric>

#include "base/root.h"
#include "base/text.h"

namespace osprey::events {
namespace {

constexpr std::string_view kAnyDepth = "%%";
constexpr std::size_t kMostDepths = 4;  // of "%%" in a pattern; what follows one more is dropped

constexpr std::uint32_t kWanted = 1;
constexpr std::uint32_t kExcluded = 2;

bool has_wildcard(std::string_view text) noexcept { return text.find('%') != std::string_view::npos; }

// "%" is any text, also none.
bool matches(std::string_view pattern, std::string_view text) noexcept {
  std::size_t at = 0;
  std::size_t retry = std::string_view::npos;  // behind the last "%" seen
  std::size_t from = 0;                        // where in `text` it was tried last
  std::size_t i = 0;
  while (i < text.size()) {
    if (at < pattern.size() && pattern[at] == '%') {
      retry = ++at;
      from = i;
    } else if (at < pattern.size() && pattern[at] == text[i]) {
      ++at;
      ++i;
    } else if (retry != std::string_view::npos) {
      at = retry;
      i = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('%', at) == std::string_view::npos;
}

std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> components;
  for (const auto piece : split(path, '/'))
    if (!piece.empty() && piece != ".") components.emplace_back(piece);
  return components;
}

// A path's longest beginning without wildcards goes where it leads.
std::vector<std::string> resolve(std::string_view path, const WatchPatterns::Canonical& canonical) {
  auto components = components_of(path);
  const auto wild = std::ranges::find_if(components, has_wildcard);
  std::string beginning;
  for (auto it = components.begin(); it != wild; ++it) beginning += '/' + *it;
  auto resolved = beginning.empty() ? std::vector<std::string>() : components_of(canonical(beginning));
  resolved.insert(resolved.end(), wild, components.end());
  return resolved;
}

std::string literal_beginning(const std::vector<std::string>& components) {
  std::string beginning;
  for (const auto& component : components) {
    if (has_wildcard(component)) break;
    beginning += '/' + component;
  }
  return beginning.empty() ? "/" : beginning;
}

void unite(WatchPatterns::Categories& into, const WatchPatterns::Categories& from) {
  for (const auto category : from)
    if (const auto place = std::ranges::lower_bound(into, category); place == into.end() || *place != category)
      into.insert(place, category);
}

}  // namespace

std::string WatchPatterns::canonical_on_host(const std::string& path) {
  std::string known = path;
  std::string rest;
  // What does not exist yet lies below what does.
  for (;;) {
    const auto real = Root::host().real_path(known);
    if (real) return (*real == "/" && !rest.empty() ? "" : *real) + rest;
    const auto slash = known.rfind('/');
    if (!real.error().absent() || slash == std::string::npos || slash == 0) return path;
    rest.insert(0, known, slash);
    known.resize(slash);
  }
}

WatchPatterns::WatchPatterns(const std::vector<WatchedCategory>& watched, Meaning meaning, const Canonical& canonical)
    : categories_(watched.size()) {
  Categories all(watched.size());
  std::iota(all.begin(), all.end(), 0);
  for (const auto category : all) {
    for (const auto& pattern : watched[category].patterns) watch(pattern, category, meaning, canonical);
    for (const auto& pattern : watched[category].excluded)
      exclude(pattern, meaning == Meaning::osquery ? all : Categories{category}, meaning, canonical);
  }
  std::ranges::sort(bases_);
  const auto twice = std::ranges::unique(bases_);
  bases_.erase(twice.begin(), twice.end());
}

void WatchPatterns::watch(const std::string& pattern, std::uint32_t category, Meaning meaning,
                          const Canonical& canonical) {
  if (!pattern.starts_with('/')) {
    refused_.push_back(pattern);
    return;
  }
  auto components = resolve(pattern, canonical);
  auto end = End::self_and_entries;
  if (meaning == Meaning::osquery) {
    const auto depth = std::ranges::find_if(
        components, [](const std::string& text) { return text.find(kAnyDepth) != std::string::npos; });
    if (depth != components.end()) {
      components.erase(depth, components.end());
      components.emplace_back(kAnyDepth);
      end = End::self;
    }
  }
  if (!components.empty() && components.back() != kAnyDepth && has_wildcard(components.back())) {
    end = End::self;
    if (meaning == Meaning::osquery || components.back() == "%") {
      components.pop_back();
      end = End::entries;
    }
  } else if (pattern.ends_with('/')) {
    end = End::entries;
  }
  bases_.push_back(literal_beginning(components));
  insert(kWanted, components, 0, end, {category});

  // A link is watched as what it leads to and as itself: it may come to lead elsewhere.
  const auto slash = pattern.rfind('/');
  if (has_wildcard(pattern) || slash + 1 == pattern.size()) return;
  auto own = resolve(pattern.substr(0, slash), canonical);
  own.push_back(pattern.substr(slash + 1));
  if (own == components) return;
  bases_.push_back(literal_beginning(own));
  insert(kWanted, own, 0, End::self, {category});
}

void WatchPatterns::exclude(const std::string& pattern, const Categories& categories, Meaning meaning,
                            const Canonical& canonical) {
  if (!pattern.starts_with('/')) {
    refused_.push_back(pattern);
    return;
  }
  auto components = resolve(pattern, canonical);
  auto end = meaning == Meaning::osquery ? End::self_and_entries : End::self_and_below;
  if (meaning == Meaning::osquery) {
    if (const auto depth = std::ranges::find(components, kAnyDepth); depth != components.end())
      components.erase(depth + 1, components.end());
    // Part of a component, a wildcard is none there: such a pattern names nothing that anybody has.
    if (std::ranges::any_of(components, [](const std::string& component) {
          return has_wildcard(component) && component != "%" && component != kAnyDepth;
        }))
      return;
  }
  if (!components.empty() && components.back() == kAnyDepth) end = End::self;
  insert(kExcluded, components, 0, end, categories);
}

WatchPatterns::NodeId WatchPatterns::make_node() {
  nodes_.emplace_back();
  return static_cast<NodeId>(nodes_.size() - 1);
}

WatchPatterns::NodeId WatchPatterns::loop_of(NodeId node) {
  if (nodes_[node].loop == 0) {
    const auto made = make_node();
    nodes_[made].loop = made;
    nodes_[node].loop = made;
  }
  return nodes_[node].loop;
}

void WatchPatterns::add_self(NodeId node, const Categories& categories) { unite(nodes_[node].self, categories); }

void WatchPatterns::insert(NodeId from, const Components& components, std::size_t next, End end,
                           const Categories& categories) {
  if (next == components.size()) {
    if (end != End::entries) add_self(from, categories);
    if (end == End::entries || end == End::self_and_entries) unite(nodes_[from].entries, categories);
    if (end == End::self_and_below) add_self(loop_of(from), categories);
    return;
  }
  const auto& component = components[next];
  if (component == kAnyDepth) {
    const auto before =
        std::count(components.begin(), components.begin() + static_cast<std::ptrdiff_t>(next), std::string(kAnyDepth));
    if (next + 1 == components.size() || static_cast<std::size_t>(before) >= kMostDepths) {
      add_self(loop_of(from), categories);
      return;
    }
    insert(from, components, next + 1, end, categories);
    insert(loop_of(from), components, next + 1, end, categories);
    return;
  }
  if (const auto depth = component.find(kAnyDepth); depth != std::string::npos) {
    // "a%%b" is one name "a%b", or "a%", any depth, "%b".
    auto single = components;
    single[next] = component.substr(0, depth) + component.substr(depth + 1);
    auto deep = components;
    deep[next] = depth == 0 ? std::string(kAnyDepth) : component.substr(0, depth) + '%';
    const auto place = deep.begin() + static_cast<std::ptrdiff_t>(next) + 1;
    if (depth == 0) {
      deep.insert(place, component.substr(1));
    } else {
      const std::string rest = component.substr(depth + 1);
      deep.insert(deep.insert(place, std::string(kAnyDepth)) + 1, rest);
    }
    if (depth != 0) insert(from, single, next, end, categories);
    insert(from, deep, next, end, categories);
    return;
  }
  NodeId to = 0;
  if (has_wildcard(component)) {
    for (const auto& [text, node] : nodes_[from].wild)
      if (text == component) to = node;
    if (to == 0) {
      to = make_node();
      nodes_[from].wild.emplace_back(component, to);
    }
  } else if (const auto found = nodes_[from].literal.find(component); found != nodes_[from].literal.end()) {
    to = found->second;
  } else {
    to = make_node();
    nodes_[from].literal.emplace(component, to);
  }
  insert(to, components, next + 1, end, categories);
}

void WatchPatterns::step(const std::vector<NodeId>& from, std::string_view name, std::vector<NodeId>& to) const {
  const auto add = [&](NodeId node) {
    if (nodes_[node].leads() && std::ranges::find(to, node) == to.end()) to.push_back(node);
  };
  for (const auto id : from) {
    const auto& node = nodes_[id];
    if (!node.literal.empty())
      if (const auto found = node.literal.find(name); found != node.literal.end()) add(found->second);
    for (const auto& [pattern, next] : node.wild)
      if (matches(pattern, name)) add(next);
    if (node.loop != 0) add(node.loop);
  }
}

void WatchPatterns::collect(const std::vector<NodeId>& from, std::string_view name, Categories& categories) const {
  for (const auto id : from) {
    const auto& node = nodes_[id];
    unite(categories, node.entries);
    if (!node.literal.empty())
      if (const auto found = node.literal.find(name); found != node.literal.end())
        unite(categories, nodes_[found->second].self);
    for (const auto& [pattern, next] : node.wild)
      if (matches(pattern, name)) unite(categories, nodes_[next].self);
    if (node.loop != 0) unite(categories, nodes_[node.loop].self);
  }
}

bool WatchPatterns::all_below_excluded(const std::vector<NodeId>& excluded) const {
  Categories gone;
  for (const auto id : excluded)
    if (nodes_[id].loop != 0) unite(gone, nodes_[nodes_[id].loop].self);
  return gone.size() == categories_;
}

WatchPatterns::Place WatchPatterns::top() const {
  Place place;
  if (nodes_[kWanted].leads()) place.wanted = {kWanted};
  if (nodes_[kExcluded].leads()) place.excluded = {kExcluded};
  return place;
}

WatchPatterns::Place WatchPatterns::enter(const Place& directory, std::string_view name) const {
  Place place;
  step(directory.wanted, name, place.wanted);
  if (place.wanted.empty() || directory.excluded.empty()) return place;
  step(directory.excluded, name, place.excluded);
  if (!place.excluded.empty() && all_below_excluded(place.excluded)) return {};
  return place;
}

WatchPatterns::Place WatchPatterns::at(std::string_view path) const {
  auto place = top();
  while (!path.empty() && !place.dead()) {
    const auto name = take_until(path, '/');
    if (!name.empty()) place = enter(place, name);
  }
  return place;
}

bool WatchPatterns::wants_entries(const Place& directory) const noexcept {
  return std::ranges::any_of(directory.wanted, [this](NodeId id) {
    const auto& node = nodes_[id];
    const auto ends = [this](const auto& next) { return !nodes_[next.second].self.empty(); };
    return !node.entries.empty() || (node.loop != 0 && !nodes_[node.loop].self.empty()) ||
           std::ranges::any_of(node.wild, ends) || std::ranges::any_of(node.literal, ends);
  });
}

std::optional<std::vector<std::string_view>> WatchPatterns::only_names(const Place& directory) const {
  std::vector<std::string_view> names;
  for (const auto id : directory.wanted) {
    const auto& node = nodes_[id];
    if (node.loop != 0 || !node.wild.empty() || !node.entries.empty()) return std::nullopt;
    for (const auto& [name, next] : node.literal) names.push_back(name);
  }
  return names;
}

void WatchPatterns::match(const Place& directory, std::string_view name, Categories& categories) const {
  categories.clear();
  collect(directory.wanted, name, categories);
  if (categories.empty() || directory.excluded.empty()) return;
  Categories excluded;
  collect(directory.excluded, name, excluded);
  if (excluded.empty()) return;
  std::erase_if(categories, [&](std::uint32_t category) { return std::ranges::binary_search(excluded, category); });
}

}  // namespace osprey::events
