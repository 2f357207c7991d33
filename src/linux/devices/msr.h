// Model-specific registers of x86 processors, by the kernel's msr module (msr(4)).
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/root.h"
#include "base/unique_fd.h"

namespace osprey::linux {

// Numbers in the manufacturers' manuals (Intel SDM volume 4).
enum class Msr : std::uint32_t {
  feature_control = 0x3a,
  platform_info = 0xce,
  perf_status = 0x198,
  perf_ctl = 0x199,
  misc_enable = 0x1a0,
  turbo_ratio_limit = 0x1ad,
  rapl_power_unit = 0x606,
  pkg_power_limit = 0x610,
  pkg_energy_status = 0x611,
};

// Whether a value of misc_enable says that turbo mode is off.
constexpr bool turbo_disabled(std::uint64_t misc_enable) noexcept { return (misc_enable >> 38 & 1) != 0; }
// The state that a value of perf_ctl asks for.
constexpr std::uint64_t perf_target(std::uint64_t perf_ctl) noexcept { return perf_ctl & 0xffff; }

// Processors whose registers can be read: none where the msr module is not there, and it is not loaded by asking
// (rule R6): a device node alone does not count, for opening it would load the module.
std::vector<std::int64_t> msr_processors(const Root& root);

// An open /dev/cpu/N/msr.
class MsrDevice {
 public:
  static Result<MsrDevice> open(const Root& root, std::int64_t processor);
  // An absent() error for a register that this processor does not have.
  Result<std::uint64_t> read(Msr number) const;

 private:
  explicit MsrDevice(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace osprey::linux
