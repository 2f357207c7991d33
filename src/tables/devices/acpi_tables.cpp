#include <dirent.h>

#include <optional>

#include "base/text.h"
#include "sql/functions/hashing.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::string name;
  const Scan* scan;
  std::optional<Result<Content>> read{};

  const Result<Content>& content() {
    if (!read) read = whole();
    return *read;
  }
  Result<Content> whole() const {
    const auto path = "/sys/firmware/acpi/tables/" + name;
    auto content = TRY(scan->root().read(path, Root::kTextCap, scan->interrupt()));
    if (content.truncated) return failure(path, "is larger than any ACPI table");
    return content;
  }
  Result<std::size_t> size() {
    const auto& table = content();
    if (!table) return std::unexpected(table.error());
    return table->bytes.size();
  }
  Result<std::string> md5() {
    const auto& table = content();
    if (!table) return std::unexpected(table.error());
    return hex(TRY(digest(table->bytes, EVP_md5())));
  }
};

Rows<Handle> scan(const Scan& scan) {
  const auto entries = scan.take(scan.root().list("/sys/firmware/acpi/tables"));
  if (!entries) co_return;
  for (const auto& entry : *entries) {
    if (entry.type == DT_DIR) continue;  // tables loaded later, and what some of them point to
    Handle handle{entry.name, &scan};
    co_yield handle;
    if (scan.interrupted()) co_return;
  }
}

}  // namespace

Table acpi_tables() {
  return table("acpi_tables", "Tables that the firmware describes the machine with to the kernel.", scan)
      .column("name", TEXT, &Handle::name, "Signature of the table, with a number where there are several.")
      .column("size", INTEGER, &Handle::size, "Size in bytes.")
      .column("md5", TEXT, &Handle::md5, "MD5 digest of its content.", NOCASE)
      .example("SELECT name, md5 FROM acpi_tables");
}

}  // namespace osprey::tables
