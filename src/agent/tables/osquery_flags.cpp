#include "agent/config/config_manager.h"
#include "agent/flags/flags.h"
#include "agent/program.h"
#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

struct Row {
  std::string_view name;
  std::string_view type;
  std::string description;
  std::string_view default_value;
  std::string_view value;
  bool shell_only = false;
};

Rows<Row> scan(const Scan& scan) {
  // As the configuration in force has them, where there is one.
  const auto* manager = scan.service<ConfigManager>();
  const auto configuration = manager ? manager->current() : nullptr;
  const auto* flags = configuration ? &configuration->flags : scan.service<Flags>();
  const auto* program = scan.service<Program>();
  if (!flags) co_return;
  for (const auto& flag : kFlags) {
    if (!is_listed(flag, program && program->osquery_compatible)) continue;
    Row row{flag.name,          type_name(flag.type), described(flag), flags->default_value(flag),
            flags->value(flag), is_shell_only(flag)};
    co_yield row;
  }
  for (const auto& [name, value] : flags->custom()) {
    Row row{name, type_name(FlagType::text), "A free option of the configuration.", "", value};
    co_yield row;
  }
}

}  // namespace

Table osquery_flags() {
  return table("osquery_flags", "The program's flags and their values.", scan)
      .column("name", TEXT, &Row::name, "Name, without dashes.")
      .column("type", TEXT, &Row::type, "bool, string, int32, uint32 or uint64.")
      .column("description", TEXT, &Row::description, "What it does.")
      .column("default_value", TEXT, &Row::default_value, "Its value when nothing sets it.")
      .column("value", TEXT, &Row::value, "Its value now.")
      .column("shell_only", INTEGER, &Row::shell_only, "1 if only the shell has it, else 0.")
      .utility()
      .example("SELECT name, value FROM osquery_flags WHERE value != default_value");
}

}  // namespace osprey::agent::tables
