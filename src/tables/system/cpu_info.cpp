#include <cmath>
#include <map>
#include <optional>

#include "base/text.h"
#include "linux/procfs/cpuinfo.h"
#include "linux/sysfs/smbios.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::Processor;
using linux::SmbiosStructure;

// The processor information structure (type 4) of DSP0134, by offset.
enum Offset : std::size_t {
  kSocket = 0x04,
  kType = 0x05,
  kManufacturer = 0x07,
  kVersion = 0x10,
  kMaxSpeed = 0x14,
  kCurrentSpeed = 0x16,
  kStatus = 0x18,
  kCoreCount = 0x23,
  kThreadCount = 0x25,
  kCharacteristics = 0x26,
  kCoreCount2 = 0x2a,
  kThreadCount2 = 0x2e,
};
constexpr std::uint16_t kUnknown = 1 << 1;  // of the characteristics, as is the next
constexpr std::uint16_t k64BitCapable = 1 << 2;
constexpr std::uint8_t kPopulated = 1 << 6;    // of the status
constexpr std::uint8_t kCentralProcessor = 3;  // of the types

// A socket: what the firmware says of it, what the kernel says of the package in it, or both.
struct Handle {
  std::optional<SmbiosStructure> firmware;
  std::optional<Processor> kernel;  // the package's first logical processor
  std::int64_t number = 0;          // among those whose type has a name
  const Root* root = nullptr;

  std::uint8_t type_byte() const { return firmware ? firmware->byte(kType).value_or(0) : kCentralProcessor; }
  std::optional<std::string> device_id() const {
    static const std::map<std::uint8_t, std::string> kNames = {{3, "CPU"}, {4, "MATH"}, {5, "DSP"}, {6, "GPU"}};
    const auto name = kNames.find(type_byte());
    return name == kNames.end() ? std::nullopt : std::optional(name->second + std::to_string(number));
  }
  std::optional<std::string> text(Offset offset, std::string Processor::* own) const {
    if (firmware) {
      if (const auto value = firmware->string(offset)) return std::string(*value);
      return std::nullopt;
    }
    return (*kernel).*own;
  }
  // A count of eight bits, or where that says 255 the one of sixteen bits that came later; the kernel's where the
  // firmware is too old to have either.
  std::optional<std::int64_t> count(Offset narrow, Offset wide, std::optional<std::int64_t> Processor::* own) const {
    if (firmware) {
      if (const auto few = firmware->byte(narrow); few && *few != 0 && *few != 0xff) return *few;
      if (const auto many = firmware->word(wide); many && *many != 0) return *many;
      if (!(firmware->byte(kStatus).value_or(0) & kPopulated)) return std::nullopt;
    }
    return kernel ? (*kernel).*own : std::nullopt;
  }
  std::optional<std::string> number_of_cores() const {
    const auto cores = count(kCoreCount, kCoreCount2, &Processor::cores);
    return cores ? std::optional(std::to_string(*cores)) : std::nullopt;
  }
  std::optional<std::int64_t> logical_processors() const {
    return count(kThreadCount, kThreadCount2, &Processor::siblings);
  }
  std::optional<std::string> address_width() const {
    if (firmware) {
      const auto characteristics = firmware->word(kCharacteristics);
      if (characteristics && !(*characteristics & kUnknown)) return *characteristics & k64BitCapable ? "64" : "32";
    }
    if (!kernel || !kernel->long_mode) return std::nullopt;
    return *kernel->long_mode ? "64" : "32";
  }
  // In MHz; SMBIOS has 0 for what is not known.
  std::optional<std::int64_t> speed(Offset offset) const {
    const auto megahertz = firmware->word(offset);
    return megahertz && *megahertz ? std::optional<std::int64_t>(*megahertz) : std::nullopt;
  }
  std::optional<std::int64_t> current_clock_speed() const {
    if (firmware) return speed(kCurrentSpeed);
    return kernel->megahertz ? std::optional(std::lround(*kernel->megahertz)) : std::nullopt;
  }
  std::optional<std::int64_t> max_clock_speed() const {
    if (firmware) return speed(kMaxSpeed);
    const auto kilohertz = root->read_trimmed("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq");
    const auto highest = kilohertz ? parse<std::int64_t>(*kilohertz) : std::nullopt;
    return highest ? std::optional(*highest / 1000) : std::nullopt;
  }
};

// The first logical processor of each package, by the package's number.
std::map<std::int64_t, Processor> packages(const Scan& scan) {
  std::map<std::int64_t, Processor> found;
  if (const auto file = scan.take(scan.root().read("/proc/cpuinfo")))
    for (auto& processor : linux::parse_cpuinfo(file->bytes))
      found.try_emplace(processor.package.value_or(0), processor);
  return found;
}

Rows<Handle> scan(const Scan& scan) {
  const auto kernel = packages(scan);
  auto package = kernel.begin();
  Handle handle;
  handle.root = &scan.root();
  bool described = false;
  const auto table = scan.take(linux::read_smbios(scan.root()));
  if (table) {
    for (auto& structure : linux::parse_smbios(*table)) {
      if (structure.type != SmbiosStructure::kProcessor) continue;
      described = true;
      handle.firmware = structure;
      handle.kernel.reset();
      // The kernel's packages are taken to be the central processors in the order of their sockets.
      const bool in_use = (structure.byte(kStatus).value_or(0) & kPopulated) != 0;
      if (in_use && handle.type_byte() == kCentralProcessor && package != kernel.end())
        handle.kernel = (package++)->second;
      co_yield handle;
      if (handle.device_id()) ++handle.number;
    }
  }
  if (described) co_return;
  for (const auto& [number, processor] : kernel) {
    handle.kernel = processor;
    co_yield handle;
    ++handle.number;
  }
}

}  // namespace

Table cpu_info() {
  return table("cpu_info", "The processor sockets of this machine and what is in them.", scan)
      .column("device_id", TEXT, &Handle::device_id, "Kind and number of the processor: CPU0.")
      .column(
          "model", TEXT, [](const Handle& h) { return h.text(kVersion, &Processor::model_name); }, "Name of the model.")
      .column(
          "manufacturer", TEXT, [](const Handle& h) { return h.text(kManufacturer, &Processor::vendor); },
          "Who made it.")
      .column(
          "processor_type", TEXT, [](const Handle& h) { return std::to_string(h.type_byte()); },
          "SMBIOS's number of the kind: 3 central, 4 mathematics, 5 signals, 6 video.")
      .column(
          "cpu_status", INTEGER, [](const Handle& h) { return h.firmware ? h.firmware->byte(kStatus) : std::nullopt; },
          "SMBIOS's status byte: bit 6 tells that the socket is in use, the lowest three how the processor is (1: "
          "enabled).")
      .column("number_of_cores", TEXT, &Handle::number_of_cores, "Cores in this socket.")
      .column("logical_processors", INTEGER, &Handle::logical_processors, "Hardware threads in this socket.")
      .column("address_width", TEXT, &Handle::address_width, "Width of its addresses in bits: 64 or 32.")
      .column("current_clock_speed", INTEGER, &Handle::current_clock_speed, "Clock when the machine started, in MHz.")
      .column("max_clock_speed", INTEGER, &Handle::max_clock_speed, "Highest clock that the socket allows, in MHz.")
      .column(
          "socket_designation", TEXT,
          [](const Handle& h) -> std::optional<std::string> {
            if (const auto name = h.firmware ? h.firmware->string(kSocket) : std::nullopt) return std::string(*name);
            return std::nullopt;
          },
          "What is printed beside the socket on the board.")
      .foreign(TEXT, {"availability"})
      .foreign(INTEGER, {"load_percentage", "number_of_efficiency_cores", "number_of_performance_cores"})
      .example("SELECT model, number_of_cores, logical_processors FROM cpu_info")
      .note(
          "From SMBIOS; without one, from what the kernel tells of each package. SMBIOS is proven on a hand-made table "
          "and in a guest (tests/guest).");
}

}  // namespace osprey::tables
