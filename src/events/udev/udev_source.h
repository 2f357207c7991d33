// Devices that come, go and change, as a source: udevd's messages where it runs, the kernel's own where it does not.
//
// Needs no capability. Without udevd names come from usb.ids and pci.ids, the rest from sysfs.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/root.h"
#include "base/unique_fd.h"
#include "events/source.h"
#include "events/udev/uevent.h"
#include "linux/files/hardware_ids.h"

namespace osprey::events {

class UdevSource final : public Source {
 public:
  // `disabled_types`: types of devices that are left out, in one text (--hardware_disabled_types).
  UdevSource(Root root, std::string disabled_types)
      : root_(std::move(root)), disabled_types_(std::move(disabled_types)) {}

  Origin origin() const noexcept override { return Origin::udev; }
  Kinds offers() const override { return Kinds().set(kKind<HardwareEvent>); }
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return socket_.get(); }
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override { socket_.reset(); }

 private:
  bool tell(const Uevent& uevent, EventSink& sink);

  const Root root_;
  const std::string disabled_types_;
  UniqueFd socket_;
  std::atomic<std::uint64_t> kept_ = 0, filtered_ = 0, dropped_ = 0, not_understood_ = 0;
};

// The event as osquery has it, from a message; its texts are views into the message and into `texts`. False: osquery
// leaves it out, because it has no type, neither node nor driver, or neither node nor model.
struct HardwareTexts {
  std::string path, driver, vendor, model, vendor_id, model_id, serial, revision;
};
bool describe_hardware(const Root& root, const Uevent& uevent, HardwareTexts& texts, HardwareEvent& event);

}  // namespace osprey::events
