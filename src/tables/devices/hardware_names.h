// The names that go with hardware's numbers, read when the first is asked for.
#pragma once

#include <memory>
#include <string>

#include "linux/files/hardware_ids.h"
#include "tables/table.h"

namespace osprey::tables {

// Belongs to one scan, for all of its rows.
class HardwareNames {
 public:
  // `file_name` is pci.ids or usb.ids.
  HardwareNames(const Scan& scan, std::string file_name) : scan_(scan), file_name_(std::move(file_name)) {}

  const Root& root() const noexcept { return scan_.root(); }
  // Knows nothing where the file is absent.
  const linux::HardwareIds& ids();

 private:
  const Scan& scan_;
  std::string file_name_;
  std::unique_ptr<linux::HardwareIds> ids_;
};

}  // namespace osprey::tables
