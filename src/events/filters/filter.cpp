#include "events/filters/filter.h"

#include <fmt/format.h>
#include <linux/audit.h>

#include <algorithm>
#include <array>

namespace osprey::events {
namespace {

using linux::AuditRule;

constexpr std::array<std::string_view, 2> kOwnNames = {"container", "cgroup"};
constexpr std::size_t kShortId = 12;  // letters of a container's id that engines show

template <class... Events>
Kinds kinds() {
  Kinds all;
  (all.set(kKind<Events>), ...);
  return all;
}

Result<Kinds> kinds_of_list(std::uint32_t list) {
  switch (list) {
    case AUDIT_FILTER_EXIT:
      return kinds<ProcessEvent, ExitEvent, SocketEvent, DnsEvent, FileEvent, ProcessFileEvent, KernelModuleEvent,
                   PrivilegeEvent, NamespaceEvent, PtraceEvent, BpfLoadEvent>();
    case AUDIT_FILTER_USER:
      return kinds<UserEvent>();
    case AUDIT_FILTER_EXCLUDE:
      return kinds<UserEvent, MacEvent, AppArmorEvent, SeccompEvent>();
    default:
      return failure("event filter", fmt::format("the list '{}' is the kernel's alone: exit, user and exclude are ours",
                                                 linux::audit_list_name(list)));
  }
}

// Empty: it is no condition of ours.
Result<std::optional<OwnCondition>> own_condition(std::string_view text) {
  const auto condition = TRY(linux::split_audit_condition(text));
  const auto name = std::ranges::find(kOwnNames, condition.left);
  if (name == kOwnNames.end()) return std::nullopt;
  if (condition.op != AUDIT_EQUAL && condition.op != AUDIT_NOT_EQUAL)
    return failure("event filter", fmt::format("{} can be asked with = and != only", *name));
  OwnCondition own{static_cast<OwnField>(name - kOwnNames.begin()), condition.op == AUDIT_EQUAL,
                   std::string(condition.right)};
  if (own.field == OwnField::cgroup && !own.value.starts_with('/'))
    return failure("event filter", fmt::format("'{}' is no path of a control group: it begins with /", own.value));
  while (own.field == OwnField::cgroup && own.value.ends_with('/')) own.value.pop_back();
  return own;
}

bool compare(std::uint32_t left, std::uint32_t op, std::uint32_t right) noexcept {
  switch (op) {
    case AUDIT_EQUAL:
      return left == right;
    case AUDIT_NOT_EQUAL:
      return left != right;
    case AUDIT_LESS_THAN:
      return left < right;
    case AUDIT_LESS_THAN_OR_EQUAL:
      return left <= right;
    case AUDIT_GREATER_THAN:
      return left > right;
    case AUDIT_GREATER_THAN_OR_EQUAL:
      return left >= right;
    case AUDIT_BIT_MASK:
      return (left & right) != 0;
    case AUDIT_BIT_TEST:
      return (left & right) == right;
    default:
      return false;
  }
}

struct Number {
  std::uint32_t field, op, value;
};
struct Text {
  std::uint32_t field;
  bool equal;
  std::string value;
};

// As the kernel compares: numbers of 32 bits without sign; what is not known matches nothing.
bool matches(const Number& asked, const Facts& facts) noexcept {
  switch (asked.field) {
    case AUDIT_SUCCESS: {
      constexpr std::uint32_t kSuccess = 1;
      constexpr std::uint32_t kFailure = 2;
      if (!facts.result) return false;
      return compare(*facts.result >= 0 ? kSuccess : kFailure, asked.op, asked.value != 0 ? kSuccess : kFailure);
    }
    case AUDIT_PERM:
      return facts.permissions != 0 && ((facts.permissions & asked.value) != 0) == (asked.op == AUDIT_EQUAL);
    case AUDIT_FIELD_COMPARE: {
      const auto sides = sides_of(facts, asked.value);
      return sides && compare(sides->left, asked.op, sides->right);
    }
    default: {
      const auto number = number_of(facts, asked.field);
      return number && compare(*number, asked.op, asked.value);
    }
  }
}

bool is_below(std::string_view path, std::string_view folder) noexcept {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool matches(const Text& asked, const Facts& facts) noexcept {
  if (asked.field == AUDIT_EXE) {
    if (!facts.actor || facts.actor->path.empty()) return false;
    return (facts.actor->path == asked.value) == asked.equal;
  }
  const auto paths = facts.paths();
  if (paths.empty()) return false;
  const auto is_it = [&](std::string_view path) {
    return asked.field == AUDIT_DIR ? is_below(path, asked.value) : path == asked.value;
  };
  return std::ranges::any_of(paths, is_it) == asked.equal;
}

bool matches(const OwnCondition& asked, const Facts& facts) noexcept {
  if (!facts.actor) return false;
  const auto& actor = *facts.actor;
  if (asked.field == OwnField::cgroup)
    return !actor.cgroup_path.empty() && is_below(actor.cgroup_path, asked.value) == asked.equal;
  const std::string_view value = asked.value;
  const bool is_it = value == actor.container_id || (!value.empty() && value == actor.container_name) ||
                     (value.size() >= kShortId && actor.container_id.starts_with(value));
  return is_it == asked.equal;
}

}  // namespace

std::string_view name_of(OwnField field) noexcept { return kOwnNames[static_cast<std::size_t>(field)]; }

Result<Filter> parse_filter(std::string_view text) {
  const auto words = TRY(linux::audit_rule_words(text));
  Filter filter;
  filter.text = text;
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    std::optional<OwnCondition> own;
    if (words[i] == "-F" && i + 1 < words.size()) own = TRY(own_condition(words[i + 1]));
    if (own)
      filter.own.push_back(std::move(*own));
    else
      for (std::size_t word = i; word < std::min(i + 2, words.size()); ++word) rest.push_back(words[word]);
  }
  filter.rule = TRY(linux::parse_audit_rule(rest));
  filter.kinds = TRY(kinds_of_list(filter.rule.list));
  if (filter.rule.fields.size() + filter.own.size() > linux::kMostAuditFields)
    return failure("event filter", fmt::format("'{}' is its 65th field, a rule has {} at most: make two rules of it",
                                               name_of(filter.own.back().field), linux::kMostAuditFields));
  return filter;
}

// What is quick to ask comes first.
struct Filters::Compiled {
  explicit Compiled(const Filter& filter)
      : rule(filter.rule),
        own(filter.own),
        kinds(filter.kinds),
        keep(!filter.never() && filter.rule.list != AUDIT_FILTER_EXCLUDE),
        any_call(filter.rule.list != AUDIT_FILTER_EXIT || filter.rule.has_all_syscalls()) {
    for (const auto& field : filter.rule.fields) {
      if (field.field == AUDIT_FILTERKEY) continue;  // a name, not a condition
      // Nobody here can tell.
      if (is_for_the_kernel(field.field))
        kinds.reset();
      else if (linux::is_audit_text(field.field))
        texts.push_back({field.field, field.op == AUDIT_EQUAL, field.text});
      else
        numbers.push_back({field.field, field.op, field.value});
    }
  }

  bool has_call(const Facts& facts) const noexcept {
    if (any_call) return true;
    auto arch = linux::native_arch();
    for (const auto one : {linux::AuditArch::i386, linux::AuditArch::x32})
      if (linux::name_of(one) == facts.arch) arch = one;
    const auto number = arch ? linux::syscall_number(*arch, facts.call) : std::nullopt;
    return number && rule.has_syscall(*number);
  }
  bool matches(const Facts& facts) const {
    const auto holds = [&](const auto& asked) { return events::matches(asked, facts); };
    return std::ranges::all_of(numbers, holds) && has_call(facts) && std::ranges::all_of(texts, holds) &&
           std::ranges::all_of(own, holds);
  }

  AuditRule rule;
  std::vector<Number> numbers;
  std::vector<Text> texts;
  std::vector<OwnCondition> own;
  Kinds kinds;
  bool keep;
  bool any_call;
};

Filters::Filters(std::vector<Filter> filters) : rules_(std::move(filters)) {
  std::ranges::stable_sort(rules_, {},
                           [](const Filter& filter) { return std::pair(!filter.rule.first, !filter.never()); });
  for (const auto& rule : rules_) {
    compiled_.emplace_back(rule);
    kinds_ |= compiled_.back().kinds;
  }
  hits_ = std::make_unique<std::atomic<std::uint64_t>[]>(rules_.size());
}

Filters::~Filters() = default;

bool Filters::keeps(AnyEvent event) const {
  if (!kinds_.test(event.index())) return true;
  const auto facts = facts_of(event);
  for (std::size_t i = 0; i < compiled_.size(); ++i) {
    const auto& rule = compiled_[i];
    if (!rule.kinds.test(event.index()) || !rule.matches(facts)) continue;
    hits_[i].fetch_add(1, std::memory_order_relaxed);
    return rule.keep;
  }
  return true;
}

}  // namespace osprey::events
