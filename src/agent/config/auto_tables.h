// Auto table construction (compat section 3.7): other programs' SQLite databases as tables.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/configuration.h"
#include "sql/registry.h"

namespace osprey::agent {

using Views = std::map<std::string, std::string, std::less<>>;  // name to SQL, as the configuration has them

struct AutoTables {
  std::vector<std::shared_ptr<const sql::Table>> tables;  // for sql::ConnectionOptions::extra_tables
  std::vector<protocol::ConfigNote> notes;                // what was refused and why
};

// The tables of a configuration, in its order. Refused is a table that would take the name of one of the registry's,
// of a view or of another of `declared`; one for another platform is left out without a word.
//
// Each scan reads the files that the table's path matches at that time, on connections of its own that leave no trace
// (linux/files/sqlite.h). Every column is TEXT; what the table's query does not yield is empty, and `path` comes last.
// A file that cannot be read is a warning, the others are read.
AutoTables make_auto_tables(const std::vector<protocol::AutoTable>& declared, const sql::Registry& registry,
                            const Views& views);

}  // namespace osprey::agent
