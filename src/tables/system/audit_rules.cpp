#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/audit.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "linux/audit/control.h"
#include "linux/audit/role.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

// The files that auditctl and augenrules load.
constexpr std::string_view kRulesFile = "/etc/audit/audit.rules";
constexpr std::string_view kRulesFolder = "/etc/audit/rules.d";

using Sources = std::map<std::string, std::string>;  // a rule's text, and the file it stands in

struct Handle {
  const linux::AuditRule* rule;
  const Sources* sources;
  std::int64_t position;  // in its list, from 0
  bool ours;

  const linux::AuditField* place() const {
    const auto* file = rule->find(AUDIT_WATCH);
    return file ? file : rule->find(AUDIT_DIR);
  }
  std::string fields() const {
    std::string text;
    for (const auto& field : rule->fields) {
      if (field.field == AUDIT_FILTERKEY || field.field == AUDIT_ARCH) continue;
      if (!text.empty()) text += ' ';
      text += linux::audit_field_text(field);
    }
    return text;
  }
  std::string permissions() const {
    const auto* field = rule->find(AUDIT_PERM);
    return field ? linux::audit_permissions_text(field->value) : std::string();
  }
  std::string keys() const { return fmt::format("{}", fmt::join(rule->keys(), ",")); }
  std::string watch_path() const { return place() ? place()->text : std::string(); }
  std::optional<std::string> source_path() const {
    const auto found = sources->find(linux::text_of(*rule));
    return found == sources->end() ? std::nullopt : std::optional(found->second);
  }
};

Result<std::vector<linux::AuditRule>> ask() {
  auto control = TRY(linux::AuditControl::open());
  return control.rules();
}

void read_rules(const Root& root, const std::string& path, Sources& sources) {
  const auto content = root.read(path);
  if (!content) return;
  for (const auto line : Lines(content->bytes)) {
    const auto text = trim(line);
    if (!text.starts_with('-')) continue;
    auto rule = linux::parse_audit_rule(text);
    if (!rule) continue;
    rule->first = false;
    sources.try_emplace(linux::text_of(*rule), path);
  }
}

// rules.d comes first: audit.rules is made of it.
Sources read_sources(const Root& root) {
  Sources sources;
  if (const auto entries = root.list(kRulesFolder))
    for (const auto& entry : *entries)
      if (entry.name.ends_with(".rules")) read_rules(root, fmt::format("{}/{}", kRulesFolder, entry.name), sources);
  read_rules(root, std::string(kRulesFile), sources);
  return sources;
}

Rows<Handle> scan(const Scan& scan) {
  const auto* role = scan.service<linux::AuditRole>();
  const auto rules = scan.take(linux::ask_audit<std::vector<linux::AuditRule>>(role, ask));
  if (!rules) co_return;
  const auto key = role ? role->key : std::string(linux::kOurAuditKey);
  const auto sources = read_sources(scan.root());
  std::map<std::uint32_t, std::int64_t> positions;
  for (const auto& rule : *rules) {
    Handle handle{
        .rule = &rule, .sources = &sources, .position = positions[rule.list]++, .ours = linux::is_set_by(rule, key)};
    co_yield handle;
  }
}

}  // namespace

Table audit_rules() {
  return table("audit_rules", "The rules by which the kernel's audit system decides what it tells.", scan)
      .column(
          "list", TEXT, [](const Handle& h) { return linux::audit_list_name(h.rule->list); },
          "exit, exclude, user, task, filesystem or io_uring.")
      .column(
          "action", TEXT, [](const Handle& h) { return linux::audit_action_name(h.rule->action); }, "always or never.")
      .column(
          "arch", TEXT, [](const Handle& h) { return linux::audit_arch_text(*h.rule); },
          "b64, b32 or the name of an architecture; empty: any.")
      .column(
          "syscalls", TEXT, [](const Handle& h) { return linux::audit_syscalls_text(*h.rule); },
          "System calls, separated by commas; all: every one.")
      .column("fields", TEXT, &Handle::fields, "What else must hold, as auditctl has it, separated by blanks.")
      .column("watch_path", TEXT, &Handle::watch_path, "The file or directory that is watched.", ADDITIONAL)
      .column("permissions", TEXT, &Handle::permissions, "Ways of access that are told: letters of rwxa.")
      .column("keys", TEXT, &Handle::keys, "What events of it are marked with, separated by commas.", ADDITIONAL)
      .column("order_position", INTEGER, &Handle::position, "Place in its list: the first that fits decides.")
      .column("ours", INTEGER, &Handle::ours, "1 if osprey has set it.")
      .column(
          "rule_text", TEXT, [](const Handle& h) { return linux::text_of(*h.rule); }, "The rule as auditctl has it.")
      .column("source_path", TEXT, &Handle::source_path, "The file below /etc/audit that has this rule.")
      .host_only()
      .example("SELECT list, action, syscalls, fields FROM audit_rules WHERE ours = 0")
      .note("Calls that are newer than osprey are numbers.");
}

}  // namespace osprey::tables
