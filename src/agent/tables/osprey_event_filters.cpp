#include <linux/audit.h>

#include "agent/events/event_capture.h"
#include "agent/tables/table.h"
#include "events/filters/facts.h"

namespace osprey::agent::tables {
namespace {

using events::Filter;

// A condition of a rule.
struct Condition {
  std::string field, op, value;
};

struct Row {
  const Filter* filter;
  Condition condition;
  std::string source;    // of events
  std::string position;  // "kernel:audit", "agent"
  bool installed = false;
  std::string reason;
  std::optional<std::uint64_t> hits;
};

// Its calls and its fields; a rule that has none has one that says nothing.
std::vector<Condition> conditions_of(const Filter& filter) {
  std::vector<Condition> all;
  if (filter.rule.list == AUDIT_FILTER_EXIT && !filter.rule.has_all_syscalls())
    all.push_back({"syscall", "=", linux::audit_syscalls_text(filter.rule)});
  for (const auto& field : filter.rule.fields) {
    const auto text = linux::audit_field_text(field);
    const auto op = linux::audit_operator_name(field.op);
    const auto at = text.find(op);
    all.push_back({text.substr(0, at), std::string(op), text.substr(at + op.size())});
  }
  for (const auto& own : filter.own)
    all.push_back({std::string(name_of(own.field)), own.equal ? "=" : "!=", own.value});
  if (all.empty()) all.emplace_back();
  return all;
}

// What the agent cannot decide.
std::string for_the_kernel(const Filter& filter) {
  for (const auto& field : filter.rule.fields)
    if (events::is_for_the_kernel(field.field))
      return fmt::format("{}: only the kernel's audit knows it", linux::audit_field_name(field.field));
  return {};
}

Rows<Row> scan(const Scan& scan) {
  const auto* capture = scan.service<EventCapture>();
  if (!capture) co_return;
  const auto filters = capture->capture().filters();
  if (!filters) co_return;
  const auto sources = capture->capture().sources();
  for (std::size_t i = 0; i < filters->rules().size(); ++i) {
    const auto& filter = filters->rules()[i];
    const auto conditions = conditions_of(filter);
    for (const auto& source : sources)
      for (const auto& pushed : source.filters)
        if (pushed.rule == i)
          for (const auto& condition : conditions) {
            const auto origin = std::string(name_of(source.origin));
            Row row{.filter = &filter,
                    .condition = condition,
                    .source = origin,
                    .position = "kernel:" + origin,
                    .installed = pushed.installed,
                    .reason = pushed.reason,
                    .hits = pushed.hits};
            co_yield row;
          }
    for (const auto& condition : conditions) {
      Row row{.filter = &filter,
              .condition = condition,
              .source = {},
              .position = "agent",
              .installed = false,
              .reason = for_the_kernel(filter),
              .hits = std::nullopt};
      row.installed = row.reason.empty();
      if (row.installed) row.hits = filters->hits(i);
      co_yield row;
    }
  }
}

}  // namespace

Table osprey_event_filters() {
  return table("osprey_event_filters",
               "Rules of event_filters in the order in which they are asked: a row for each condition and each place "
               "where the rule holds.",
               scan)
      .column(
          "id", [](const Row& row) { return row.filter->id; }, "Name of the rule.")
      .column("source", &Row::source, "Source of events that has it; empty: all of them.")
      .column("position", &Row::position, "Where it is decided: kernel:audit, kernel:bpf or agent.")
      .column(
          "action", [](const Row& row) { return linux::audit_action_name(row.filter->rule.action); },
          "never: what it matches is dropped; always: it is kept.")
      .column(
          "field", [](const Row& row) { return row.condition.field; }, "What is asked: uid, exe, syscall…")
      .column(
          "operator", [](const Row& row) { return row.condition.op; }, "= != < > <= >= & or &=.")
      .column(
          "value", [](const Row& row) { return row.condition.value; }, "With what it is compared.")
      .column(
          "rule_text", [](const Row& row) { return row.filter->text; }, "The rule, as it was written.")
      .column("hits", &Row::hits, "Events that it has matched there; NULL where that cannot be counted.")
      .column("installed", &Row::installed, "1 if it is decided there, else 0.")
      .column("reason", &Row::reason, "Why it is not.")
      .column(
          "config_source", [](const Row& row) { return row.filter->source; }, "Where it was written.")
      .utility()
      .example("SELECT DISTINCT id, position, installed, hits, reason FROM osprey_event_filters")
      .note("Rows come from the running agent; the shell has none.");
}

}  // namespace osprey::agent::tables
