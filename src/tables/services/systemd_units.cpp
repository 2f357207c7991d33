#include "linux/dbus/systemd.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::SystemdUnit;

constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kService = "org.freedesktop.systemd1.Service";

struct Handle {
  linux::SystemdConnection* systemd;
  const SystemdUnit* unit;

  Result<std::string> property(const char* interface, const char* name) const {
    return systemd->text_property(unit->object_path, interface, name);
  }
  Result<std::string> user() const {
    return unit->id.ends_with(".service") ? property(kService, "User") : Result<std::string>("");
  }
};

template <auto field>
const auto& unit_field(const Handle& handle) {
  return handle.unit->*field;
}

Rows<Handle> scan(const Scan& scan) {
  const auto systemd = scan.take(linux::connect_systemd());
  if (!systemd) co_return;
  const auto units = scan.take((*systemd)->units());
  if (!units) co_return;
  for (const auto& unit : *units) {
    if (scan.interrupted()) co_return;
    Handle handle{systemd->get(), &unit};
    co_yield handle;
  }
}

}  // namespace

Table systemd_units() {
  using U = SystemdUnit;
  return table("systemd_units", "Units that systemd has loaded, and the state each is in.", scan)
      .column("id", TEXT, unit_field<&U::id>, "Name of the unit, with its type.")
      .column("description", TEXT, unit_field<&U::description>, "What it is, in its own words.")
      .column("load_state", TEXT, unit_field<&U::load_state>,
              "Whether its file could be read, such as \"loaded\" or \"masked\".")
      .column("active_state", TEXT, unit_field<&U::active_state>, "Whether it runs, such as \"active\" or \"failed\".")
      .column("sub_state", TEXT, unit_field<&U::sub_state>,
              "The same in the terms of its type, such as \"running\" or \"mounted\".")
      .column(
          "unit_file_state", TEXT, [](const Handle& h) { return h.property(kUnit, "UnitFileState"); },
          "Whether it is to start by itself, such as \"enabled\" or \"static\".")
      .column("following", TEXT, unit_field<&U::following>, "Unit whose state this one follows, if any.")
      .column("object_path", TEXT, unit_field<&U::object_path>, "Its object on the bus.")
      .column("job_id", BIGINT, unit_field<&U::job_id>, "Job that is queued for it; 0 for none.")
      .column("job_type", TEXT, unit_field<&U::job_type>, "What that job does, such as \"start\".")
      .column("job_path", TEXT, unit_field<&U::job_path>, "That job's object on the bus; \"/\" for none.")
      .column(
          "fragment_path", TEXT, [](const Handle& h) { return h.property(kUnit, "FragmentPath"); },
          "File that defines it.")
      .column("user", TEXT, &Handle::user, "User that a service runs as; empty for root.")
      .column(
          "source_path", TEXT, [](const Handle& h) { return h.property(kUnit, "SourcePath"); },
          "File that a generator made it from, such as /etc/fstab.")
      .host_only()
      .note(
          "Asks systemd over the system bus and starts nothing. Proven against a stand-in for systemd on a private "
          "bus, "
          "with the calls that org.freedesktop.systemd1(5) documents.")
      .example("SELECT id, sub_state, fragment_path FROM systemd_units WHERE active_state = 'failed'");
}

}  // namespace osprey::tables
