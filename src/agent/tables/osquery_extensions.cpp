#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

struct Extension {
  std::int64_t uuid = 0;
  std::string name;
  std::string version;
  std::string sdk_version;
  std::string path;
  std::string type;
};

// Nothing opens the extension socket yet, so nothing is registered, the core neither.
Rows<Extension> scan(const Scan&) { co_return; }

}  // namespace

Table osquery_extensions() {
  return table("osquery_extensions", "Extensions that have registered, the program's own core among them.", scan)
      .column("uuid", BIGINT, &Extension::uuid, "Number of the extension in this run, 0 for the core.")
      .column("name", TEXT, &Extension::name, "Name it registered with.")
      .column("version", TEXT, &Extension::version, "Its version.", VERSION)
      .column("sdk_version", TEXT, &Extension::sdk_version, "Version of the kit it was built with.", VERSION)
      .column("path", TEXT, &Extension::path, "Its socket.")
      .column("type", TEXT, &Extension::type, "core or extension.")
      .utility()
      .note("The extension socket is not built yet: there are no rows.")
      .example("SELECT name, type FROM osquery_extensions");
}

}  // namespace osprey::agent::tables
