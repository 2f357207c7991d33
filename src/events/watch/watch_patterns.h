// WatchPatterns: file_paths and exclude_paths of the configuration, compiled: which categories a path is in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "events/source.h"

namespace osprey::events {

// An automaton over the components of a path, so that a directory is matched once and its entries by one step each.
// Immutable.
//
// "%" is any text within a component, "%%" any number of components. "/d" is d itself and, if it is a directory, its
// entries; "/d/" and "/d/%" its entries; "/d/%%" all below it. A pattern's literal beginning is taken to where it leads
// (symbolic links).
class WatchPatterns {
 public:
  enum class Meaning {
    // As osquery has it: what follows "%%" is dropped, a wildcard in the last component means all entries;
    // exclude_paths hold for every category, "%" and "%%" only as whole components, and one that names a directory
    // takes its entries with it, no more.
    osquery,
    // Every part of a pattern counts: "/home/%%/.ssh/%", "/bin/%sh". exclude_paths hold for the categories
    // that have them, may have wildcards anywhere, and one that names a directory takes all below it with it.
    exact,
  };
  // Where an absolute path leads, without symbolic links; as it is where that cannot be told.
  using Canonical = std::function<std::string(const std::string& path)>;
  static std::string canonical_on_host(const std::string& path);

  WatchPatterns() = default;
  WatchPatterns(const std::vector<WatchedCategory>& watched, Meaning meaning,
                const Canonical& canonical = canonical_on_host);

  // What a directory's path has come to in the patterns.
  struct Place {
    std::vector<std::uint32_t> wanted;
    std::vector<std::uint32_t> excluded;
    // Nothing below can be in any category: events there need not be looked at.
    bool dead() const noexcept { return wanted.empty(); }
  };
  Place top() const;  // of "/"
  Place enter(const Place& directory, std::string_view name) const;
  Place at(std::string_view path) const;
  // Whether an entry of the directory itself may be in a category; otherwise it only leads to such directories.
  bool wants_entries(const Place& directory) const noexcept;
  // The names that the patterns look for in a directory, if they look for nothing but names.
  std::optional<std::vector<std::string_view>> only_names(const Place& directory) const;

  // The categories (indexes into what it was made of) of a directory's entry, in order.
  using Categories = std::vector<std::uint32_t>;
  void match(const Place& directory, std::string_view name, Categories& categories) const;

  // The patterns' literal beginnings, as they lead; no one twice.
  const std::vector<std::string>& bases() const noexcept { return bases_; }
  // Patterns that are not absolute paths.
  const std::vector<std::string>& refused() const noexcept { return refused_; }

 private:
  using NodeId = std::uint32_t;
  struct Text {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  struct Node {
    std::unordered_map<std::string, NodeId, Text, std::equal_to<>> literal;
    std::vector<std::pair<std::string, NodeId>> wild;
    NodeId loop = 0;     // that every name leads to, and stays in; 0: none
    Categories self;     // of a path that ends here
    Categories entries;  // of what is right below it
    bool leads() const noexcept { return !literal.empty() || !wild.empty() || loop != 0 || !entries.empty(); }
  };
  using Components = std::vector<std::string>;
  // How a pattern ends.
  enum class End { entries, self_and_entries, self, self_and_below };

  void watch(const std::string& pattern, std::uint32_t category, Meaning meaning, const Canonical& canonical);
  void exclude(const std::string& pattern, const Categories& categories, Meaning meaning, const Canonical& canonical);
  void insert(NodeId from, const Components& components, std::size_t next, End end, const Categories& categories);
  NodeId make_node();
  NodeId loop_of(NodeId node);
  void add_self(NodeId node, const Categories& categories);
  void step(const std::vector<NodeId>& from, std::string_view name, std::vector<NodeId>& to) const;
  void collect(const std::vector<NodeId>& from, std::string_view name, Categories& categories) const;
  bool all_below_excluded(const std::vector<NodeId>& excluded) const;

  // 0 is no node; 1 and 2 begin what is wanted and what is excluded.
  std::vector<Node> nodes_ = std::vector<Node>(3);
  std::size_t categories_ = 0;
  std::vector<std::string> bases_;
  std::vector<std::string> refused_;
};

}  // namespace osprey::events
