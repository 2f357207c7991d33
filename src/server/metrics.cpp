#include "server/metrics.h"

#include <fmt/format.h>

#include "base/json.h"

namespace osprey::server {

void Metrics::add(std::string_view name, std::string_view help, std::string_view type, const std::string& value,
                  Labels labels) {
  if (family_ != name) {
    family_ = name;
    text_ += fmt::format("# HELP osprey_{} {}\n# TYPE osprey_{} {}\n", name, help, name, type);
  }
  text_ += fmt::format("osprey_{}", name);
  char before = '{';
  for (const auto& [label, said] : labels) {
    text_ += fmt::format("{}{}=", before, label);
    append_json_string(text_, said);  // backslash, quote and line end are escaped alike
    before = ',';
  }
  if (labels.size() > 0) text_ += '}';
  text_ += fmt::format(" {}\n", value);
}

}  // namespace osprey::server
