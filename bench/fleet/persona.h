// What a simulated host is: the same for the same number, and plausible to who looks at a fleet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace osprey::fleet {

struct Persona {
  Persona(std::uint32_t host, double config_interval, double distributed_interval);

  std::uint32_t number;
  std::string name;  // "web-0012.example.test"; also its identifier
  std::string uuid;
  std::uint64_t random;  // a hash of the number
  double config_interval, distributed_interval;
};

using Row = std::vector<std::pair<std::string, std::string>>;

// The rows of a table as this host has them; every value is text.
std::vector<Row> rows_of(const Persona& host, std::string_view table);
bool has_table(std::string_view table);

}  // namespace osprey::fleet
