#include "linux/devices/msr.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::Msr;
using linux::MsrDevice;

struct Handle {
  std::int64_t processor;
  MsrDevice device;

  template <Msr number>
  static Result<std::int64_t> value(const Handle& handle) {
    return static_cast<std::int64_t>(TRY(handle.device.read(number)));
  }
  Result<bool> turbo_disabled() const { return linux::turbo_disabled(TRY(device.read(Msr::misc_enable))); }
  Result<std::int64_t> perf_ctl() const {
    return static_cast<std::int64_t>(linux::perf_target(TRY(device.read(Msr::perf_ctl))));
  }
};

Rows<Handle> scan(const Scan& scan) {
  for (const auto processor : linux::msr_processors(scan.root())) {
    auto device = scan.take(MsrDevice::open(scan.root(), processor));
    if (!device) continue;
    Handle handle{processor, std::move(*device)};
    co_yield handle;
    if (scan.interrupted()) co_return;
  }
}

}  // namespace

Table msr() {
  return table("msr", "Model-specific registers of each Intel processor, as far as it has them.", scan)
      .column("processor_number", BIGINT, &Handle::processor, "Number of the logical processor.")
      .column("turbo_disabled", BIGINT, &Handle::turbo_disabled, "1 if turbo mode is off.")
      .column("turbo_ratio_limit", BIGINT, &Handle::value<Msr::turbo_ratio_limit>,
              "Highest clock ratios, a byte for each number of active cores.")
      .column("platform_info", BIGINT, &Handle::value<Msr::platform_info>,
              "What the platform allows, base ratio included.")
      .column("perf_ctl", BIGINT, &Handle::perf_ctl, "Performance state asked for.")
      .column("perf_status", BIGINT, &Handle::value<Msr::perf_status>, "Performance state in force.")
      .column("feature_control", BIGINT, &Handle::value<Msr::feature_control>,
              "Locks on features such as virtualization.")
      .column("rapl_power_limit", BIGINT, &Handle::value<Msr::pkg_power_limit>, "Limits on the package's power.")
      .column("rapl_energy_status", BIGINT, &Handle::value<Msr::pkg_energy_status>,
              "Energy the package has used, in the unit of rapl_power_units; it wraps around.")
      .column("rapl_power_units", BIGINT, &Handle::value<Msr::rapl_power_unit>,
              "Units of power, energy and time of the two columns before, as powers of one half.")
      .host_only()
      .example("SELECT processor_number, turbo_disabled FROM msr")
      .note(
          "Rows only where the msr module is loaded: it is never loaded by asking. Proven in a guest (tests/guest), "
          "whose emulated processor has few of the registers.");
}

}  // namespace osprey::tables
