#include <dirent.h>

#include "linux/dbus/systemd.h"
#include "linux/files/desktop_entry.h"
#include "linux/files/passwd.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::string name;
  std::string path;
  std::string_view type;
  std::string source;
  std::string status;
  std::string username;
};

constexpr std::string_view kItem = "Startup Item";
constexpr std::string_view kUnit = "systemd unit";

// A folder of which every file is started.
struct Folder {
  std::string path;
  bool desktop_entries;  // else scripts
  std::string username;
};

std::vector<Folder> folders(const Scan& scan) {
  std::vector<Folder> found;
  if (const auto accounts = scan.take(linux::read_passwd(scan.root()))) {
    for (const auto& account : accounts->entries) {
      if (account.directory.size() < 2 || account.directory.front() != '/') continue;
      found.push_back({account.directory + "/.config/autostart/", true, account.username});
      found.push_back({account.directory + "/.config/autostart-scripts/", false, account.username});
    }
  }
  found.push_back({"/etc/init.d/", false, {}});
  found.push_back({"/etc/xdg/autostart/", true, {}});
  return found;
}

bool is_file(const Scan& scan, const std::string& path, const DirectoryEntry& entry) {
  if (entry.type == DT_REG) return true;
  if (entry.type != DT_LNK && entry.type != DT_UNKNOWN) return false;
  const auto facts = scan.root().stat(path);
  return facts && S_ISREG(facts->stx_mode);
}

Rows<Handle> scan(const Scan& scan) {
  for (const auto& folder : folders(scan)) {
    const auto entries = scan.take(scan.root().list(folder.path));
    if (!entries) continue;
    for (const auto& entry : *entries) {
      if (scan.interrupted()) co_return;
      const auto path = folder.path + entry.name;
      if (!is_file(scan, path, entry)) continue;
      Handle handle{entry.name, path, kItem, folder.path, "enabled", folder.username};
      if (folder.desktop_entries) {
        const auto content = scan.take(scan.root().read(path, Root::kTextCap, scan.interrupt()));
        const auto desktop = linux::parse_desktop_entry(content ? content->bytes : std::string_view());
        handle.name = desktop.name;
        handle.path = desktop.exec;
        if (desktop.hidden) handle.status = "disabled";
      }
      co_yield handle;
    }
  }
  if (!scan.root().is_host()) co_return;
  const auto systemd = scan.take(linux::connect_systemd());
  if (!systemd) co_return;
  const auto units = scan.take((*systemd)->units());
  if (!units) co_return;
  for (const auto& unit : *units) {
    if (scan.interrupted()) co_return;
    const auto property = [&](bool wanted, const char* interface, const char* name) {
      return wanted ? scan.take((*systemd)->text_property(unit.object_path, interface, name)).value_or("") : "";
    };
    Handle handle{
        unit.id,
        property(scan.wants("path"), "org.freedesktop.systemd1.Unit", "FragmentPath"),
        kUnit,
        property(scan.wants("source"), "org.freedesktop.systemd1.Unit", "SourcePath"),
        unit.active_state,
        property(scan.wants("username") && unit.id.ends_with(".service"), "org.freedesktop.systemd1.Service", "User")};
    co_yield handle;
  }
}

}  // namespace

Table startup_items() {
  return table("startup_items", "What starts with the system or with a session: units, init scripts, desktop entries.",
               scan)
      .column("name", TEXT, &Handle::name, "Name of the unit, script or program.")
      .column("path", TEXT, &Handle::path, "Unit file or script, or the command line of a desktop entry.")
      .column(
          "args", TEXT, [](const Handle&) { return std::string_view(); }, "Always empty on Linux.")
      .column("type", TEXT, &Handle::type, "\"Startup Item\", or \"systemd unit\".")
      .column("source", TEXT, &Handle::source, "Folder it lies in; of a unit the file that a generator made it from.")
      .column("status", TEXT, &Handle::status,
              "\"enabled\", or \"disabled\" for a hidden desktop entry; of a unit whether it is active.")
      .column("username", TEXT, &Handle::username, "User whose session, or as whom a service, is started.")
      .cacheable()
      .note("Units are asked of systemd over the system bus, of the host only; see systemd_units.")
      .example("SELECT name, path, source FROM startup_items WHERE type = 'Startup Item'")
      .example("SELECT name, path, status FROM startup_items WHERE username NOT IN ('', 'root')");
}

}  // namespace osprey::tables
