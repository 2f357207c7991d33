#include "tables/devices/hardware_names.h"

namespace osprey::tables {

const linux::HardwareIds& HardwareNames::ids() {
  if (!ids_) {
    auto text = scan_.take(linux::read_hardware_ids(scan_.root(), file_name_));
    ids_ = std::make_unique<linux::HardwareIds>(std::move(text).value_or(""));
  }
  return *ids_;
}

}  // namespace osprey::tables
