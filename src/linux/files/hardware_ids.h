// The names of vendors, devices and classes: pci.ids (pci.ids(5)) and usb.ids, which has the same shape.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/root.h"

namespace osprey::linux {

// Owns the file's text; names are views into it. Only the outer lines are indexed, what hangs below one is searched
// when asked for.
class HardwareIds {
 public:
  explicit HardwareIds(std::string text);
  HardwareIds(const HardwareIds&) = delete;  // a copy's views would look into the original
  HardwareIds& operator=(const HardwareIds&) = delete;

  std::optional<std::string_view> vendor(std::uint16_t vendor) const;
  std::optional<std::string_view> device(std::uint16_t vendor, std::uint16_t device) const;
  // PCI only: the card that a chip sits on.
  std::optional<std::string_view> subsystem(std::uint16_t vendor, std::uint16_t device, std::uint16_t card_vendor,
                                            std::uint16_t card) const;
  std::optional<std::string_view> device_class(std::uint8_t number) const;
  std::optional<std::string_view> subclass(std::uint8_t device_class, std::uint8_t number) const;

 private:
  struct Block {
    std::string_view name;
    std::string_view below;  // the indented lines that follow
  };
  using Blocks = std::unordered_map<std::uint16_t, Block>;
  static std::optional<std::string_view> name_in(const Blocks& blocks, std::uint16_t number);

  std::string text_;
  Blocks vendors_;
  Blocks classes_;
};

// The file's text from the first of the folders that distributions keep it in; at most 8 MiB are read. An absent()
// error where there is none.
Result<std::string> read_hardware_ids(const Root& root, std::string_view file_name);

}  // namespace osprey::linux
