#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

struct Carve {
  std::int64_t time = 0;
  std::string sha256;
  std::int64_t size = 0;
  std::string path;
  std::string status;
  std::string guid;
  std::string request_id;
  bool requested = false;
};

// Nothing is carved yet.
Rows<Carve> scan(const Scan&) { co_return; }

}  // namespace

Table carves() {
  return table("carves", "Files that were asked for, packed and sent to the server.", scan)
      .column("time", BIGINT, &Carve::time, "When it was asked for, Unix seconds.")
      .column("sha256", TEXT, &Carve::sha256, "SHA-256 of the archive.", NOCASE)
      .column("size", BIGINT, &Carve::size, "Bytes of the archive.")
      .column("path", TEXT, &Carve::path, "The paths asked for.", ADDITIONAL)
      .column("status", TEXT, &Carve::status, "How far it is.")
      .column("carve_guid", TEXT, &Carve::guid, "Its number.", INDEX | NOCASE)
      .column("request_id", TEXT, &Carve::request_id, "The server's number of the request.")
      .column("carve", INTEGER, &Carve::requested, "Set to 1 in a query, `path` is carved.", ADDITIONAL)
      .note("Carving is not built yet: there are no rows, and carve = 1 does nothing.")
      .example("SELECT path, status FROM carves");
}

}  // namespace osprey::agent::tables
