// Carving: who takes files for the SQL function carve(), a service of the program that has one.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace osprey::sql {

class Carving {
 public:
  virtual ~Carving() = default;
  // Asks for these files, packed into one carve. They are read later. On the thread of the query.
  virtual Result<void> carve(const std::vector<std::string>& paths) = 0;
};

}  // namespace osprey::sql
