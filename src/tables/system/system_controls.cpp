#include <algorithm>
#include <memory>

#include "base/text.h"
#include "linux/files/sysctl_d.h"
#include "linux/procfs/sysctl.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

// The configuration is read once a scan, and only if a row's config_value is asked for.
struct Shared {
  const Scan* scan;
  std::optional<linux::SysctlConfiguration> configuration{};

  const linux::SysctlConfiguration& configured() {
    if (!configuration) {
      auto files = linux::read_sysctl_files(scan->root());
      for (const auto& error : files.errors) scan->warn(error);
      configuration = std::move(files.configuration);
    }
    return *configuration;
  }
};

struct Handle {
  std::string path;  // below /proc/sys
  Shared* shared;

  std::string name() const { return linux::sysctl_name(path); }
  std::string_view subsystem() const { return std::string_view(path).substr(0, path.find('/')); }
  Result<std::string> current_value() const { return linux::read_sysctl(shared->scan->root(), path); }
  std::optional<std::string_view> config_value() const { return shared->configured().value(path); }
};

// What a LIKE pattern begins with before its first wildcard, in lower case as LIKE does not tell them apart.
std::string literal_start(const Pattern& pattern) {
  if (pattern.kind != Pattern::Kind::like) return {};
  return to_lower(std::string_view(pattern.text).substr(0, pattern.text.find_first_of("%_")));
}

// Whether one of two texts begins with the other: names below a directory may still match.
bool on_one_path(std::string_view a, std::string_view b) { return a.starts_with(b) || b.starts_with(a); }

linux::SysctlFilter filter_of(const Scan& scan) {
  std::vector<std::string> starts;
  for (const auto& pattern : scan.patterns("name")) starts.push_back(literal_start(pattern));
  linux::SysctlFilter filter;
  filter.may_hold = [names = scan.texts("name"), subsystems = scan.texts("subsystem"), starts](std::string_view path) {
    const auto below = std::string(path) + ".";
    const auto lower = to_lower(below);
    const auto subsystem = path.substr(0, path.find('.'));
    return (!names || std::ranges::any_of(*names, [&](const auto& name) { return name.starts_with(below); })) &&
           (!subsystems || std::ranges::find(*subsystems, subsystem) != subsystems->end()) &&
           std::ranges::all_of(starts, [&](const auto& start) { return on_one_path(lower, start); });
  };
  filter.wanted = [&scan](std::string_view name) { return scan.matches("name", name); };
  return filter;
}

Rows<Handle> scan(const Scan& scan) {
  Shared shared{&scan};
  for (auto& path : linux::list_sysctls(scan.root(), filter_of(scan), scan.interrupt())) {
    Handle handle{std::move(path), &shared};
    co_yield handle;
    if (scan.interrupted()) co_return;
  }
}

}  // namespace

Table system_controls() {
  return table("system_controls", "The kernel's settings, as they are and as sysctl's files want them.", scan)
      .column("name", TEXT, &Handle::name, "Name of the setting, with dots.", INDEX)
      .column(
          "oid", TEXT, [](const Handle&) -> std::string_view { return ""; },
          "Always empty: Linux has no numbers for them.", ADDITIONAL)
      .column("subsystem", TEXT, &Handle::subsystem, "First part of the name.", ADDITIONAL)
      .column("current_value", TEXT, &Handle::current_value, "Value in force; secrets are redacted.")
      .column("config_value", TEXT, &Handle::config_value, "Value that the files of sysctl.d and sysctl.conf ask for.")
      .column(
          "type", TEXT, [](const Handle&) -> std::string_view { return "string"; },
          "Always string: Linux has all of them as text.")
      .foreign(TEXT, {"field_name"})
      .example("SELECT current_value FROM system_controls WHERE name = 'net.ipv4.ip_forward'")
      .example("SELECT name, current_value, config_value FROM system_controls WHERE config_value <> current_value");
}

}  // namespace osprey::tables
