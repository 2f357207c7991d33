// Filters: what the configuration's event_filters say, in auditctl(8)'s words and two of our own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "events/filters/facts.h"
#include "events/kinds/kinds.h"
#include "linux/audit/rule.h"

namespace osprey::events {

// What auditctl has no word for.
enum class OwnField : std::uint8_t {
  container,  // id, the beginning of one (12 letters or more) or name; "" outside of containers
  cgroup,     // path: it and those below
};
std::string_view name_of(OwnField field) noexcept;

struct OwnCondition {
  OwnField field = OwnField::container;
  bool equal = true;  // false: !=
  std::string value;

  bool operator==(const OwnCondition&) const = default;
};

// A rule.
struct Filter {
  std::string id;
  std::string text;    // as it was written
  std::string source;  // of the configuration
  linux::AuditRule rule;
  std::vector<OwnCondition> own;
  Kinds kinds;           // that it is about
  bool limited = false;  // `kinds` are fewer than those of its list

  bool never() const noexcept { return rule.action == 0; }
  bool operator==(const Filter&) const = default;
};

// A rule of the lists exit, user and exclude; its kinds are those that the list is about. Refused by name: what
// parse_audit_rule() refuses, other lists, a 65th field with ours among them.
Result<Filter> parse_filter(std::string_view text);

// In the order in which they are asked: those of -A before those of -a, among these never before always, else as they
// were given. The first that matches an event decides whether it is kept; an event that none matches is.
//
// Immutable but for its counters. Thread-safe.
class Filters {
 public:
  explicit Filters(std::vector<Filter> filters);
  ~Filters();

  const std::vector<Filter>& rules() const noexcept { return rules_; }
  // Counts the hit. Of an event that was told of and completed.
  bool keeps(AnyEvent event) const;
  // Of events that came to keeps().
  std::uint64_t hits(std::size_t rule) const noexcept { return hits_[rule].load(std::memory_order_relaxed); }

 private:
  struct Compiled;

  std::vector<Filter> rules_;
  std::vector<Compiled> compiled_;
  Kinds kinds_;  // of any
  std::unique_ptr<std::atomic<std::uint64_t>[]> hits_;
};

// What became of a filter in the kernel.
struct PushedFilter {
  std::size_t rule = 0;  // of Filters::rules()
  bool installed = false;
  std::string reason;                 // why it is not
  std::optional<std::uint64_t> hits;  // empty: the kernel does not count them
};

}  // namespace osprey::events
