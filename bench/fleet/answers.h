// What a simulated host answers to SQL.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fleet/persona.h"

namespace osprey::fleet {

struct Answer {
  std::vector<Row> rows;
  std::string failed;   // why; empty: it has not
  bool carves = false;  // the query asks for a carve
};

// Knows `SELECT columns FROM one table` of the tables that persona.h has, and constants; the columns are those asked
// for. Of anything else it makes a row of the right columns with made-up values, so that every query is answered; of
// the table no_such_table a failure, as an agent has it.
Answer answer_to(const Persona& host, std::string_view sql);

}  // namespace osprey::fleet
