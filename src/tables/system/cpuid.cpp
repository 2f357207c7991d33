#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::string_view feature;
  std::string value;
  std::string_view registers;
  int bit = 0;
  std::string input;
};

#if defined(__x86_64__) || defined(__i386__)

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers ask(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  return r;
}

std::string characters(std::initializer_list<unsigned> registers) {
  std::string text;
  for (const auto value : registers) {
    std::array<char, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    text.append(bytes.data(), bytes.size());
  }
  return text.substr(0, text.find('\0'));
}

std::string digits(std::initializer_list<unsigned> registers) {
  std::string text;
  for (const auto value : registers) text += fmt::format("{:08x}", value);
  return text;
}

// The features that osquery tells, under its names.
struct Bit {
  unsigned leaf;
  unsigned Registers::* where;
  std::string_view name;
  int bit;
};
constexpr auto kEbx = &Registers::ebx;
constexpr auto kEcx = &Registers::ecx;
constexpr auto kEdx = &Registers::edx;
constexpr Bit kBits[] = {
    {1, kEdx, "pae", 6},
    {1, kEdx, "msr", 5},
    {1, kEdx, "sep", 11},
    {1, kEdx, "mtrr", 12},
    {1, kEdx, "pge", 13},
    {1, kEdx, "mca", 14},
    {1, kEdx, "pat", 16},
    {1, kEdx, "clfsh", 19},
    {1, kEdx, "acpi", 22},
    {1, kEdx, "mmz", 23},
    {1, kEdx, "sse", 25},
    {1, kEdx, "sse2", 26},
    {1, kEdx, "ss", 27},
    {1, kEdx, "htt", 28},
    {1, kEdx, "ia64", 30},
    {1, kEcx, "sse3", 0},
    {1, kEcx, "vmx", 5},
    {1, kEcx, "smx", 6},
    {1, kEcx, "ssse3", 9},
    {1, kEcx, "sdbg", 11},
    {1, kEcx, "pdcm", 15},
    {1, kEcx, "pcid", 17},
    {1, kEcx, "dca", 18},
    {1, kEcx, "sse4.1", 19},
    {1, kEcx, "sse4.2", 20},
    {1, kEcx, "aes", 25},
    {1, kEcx, "avx", 28},
    {1, kEcx, "hypervisor", 31},
    {7, kEbx, "sgx", 2},
    {7, kEbx, "hle", 4},
    {7, kEbx, "avx2", 5},
    {7, kEbx, "smep", 7},
    {7, kEbx, "bmi2", 8},
    {7, kEbx, "erms", 9},
    {7, kEbx, "invpcid", 10},
    {7, kEbx, "rtm", 11},
    {7, kEbx, "pqm", 12},
    {7, kEbx, "mpx", 14},
    {7, kEbx, "pqe", 15},
    {7, kEbx, "avx512f", 16},
    {7, kEbx, "avx512dq", 17},
    {7, kEbx, "rdseed", 18},
    {7, kEbx, "adx", 19},
    {7, kEbx, "smap", 20},
    {7, kEbx, "intel_pt", 25},
    {7, kEbx, "sha", 29},
    {7, kEcx, "umip", 2},
    {7, kEcx, "pku", 3},
    {7, kEcx, "ospke", 4},
    {7, kEcx, "gfni", 8},
    {7, kEcx, "vaes", 9},
    {7, kEcx, "sgx_lc", 30},
    {7, kEdx, "spec_ctrl", 26},
    {0x80000001, kEcx, "lahfsahf", 0},
    {0x80000001, kEcx, "svm", 2},
    {0x80000001, kEcx, "3dnowprefetch", 8},
    {0x80000001, kEcx, "ibs", 10},
    {0x80000001, kEcx, "skinit", 12},
    {0x80000001, kEcx, "lwp", 15},
    {0x80000001, kEdx, "nx", 20},
    {0x80000001, kEdx, "page1gb", 26},
    {0x80000001, kEdx, "lm", 29},
};

std::string_view register_name(unsigned Registers::* where) {
  return where == kEbx ? "ebx" : where == kEcx ? "ecx" : "edx";
}

std::string product_name() {
  std::string name;
  for (unsigned leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    const auto r = ask(leaf);
    name += characters({r.eax, r.ebx, r.ecx, r.edx});
  }
  return name;
}

Rows<Handle> scan(const Scan&) {
  const auto vendor = ask(0);
  Handle handle{"vendor", characters({vendor.ebx, vendor.edx, vendor.ecx}), "ebx,edx,ecx", 0, "0"};
  co_yield handle;
  handle = {"product_name", product_name(), "eax,ebx,ecx,edx", 0, "0x80000002"};
  co_yield handle;
  // osquery's digits are those of eax, ebx and ecx, whatever it says of the registers.
  if (const auto r = ask(0x40000000); r.eax != 0) {
    handle = {"hypervisor_id", digits({r.eax, r.ebx, r.ecx}), "ebx,ecx,edx", 0, "0x40000000"};
    co_yield handle;
  }
  const auto identity = ask(1);
  const auto serial = ask(3);
  handle = {"serial", digits({identity.eax, serial.eax, serial.edx}), "eax,eax,ecx", 0, "1,3"};
  co_yield handle;
  handle = {"family", fmt::format("{:04x}", identity.eax & 0xf00), "eax", 0, "1"};
  co_yield handle;
  for (const auto& [leaf, where, name, bit] : kBits) {
    handle = {name, ask(leaf).*where >> bit & 1 ? "1" : "0", register_name(where), bit, std::to_string(leaf)};
    co_yield handle;
  }
  constexpr unsigned kSgx = 0x12;
  for (unsigned subleaf = 0; subleaf < 2; ++subleaf) {
    const auto r = ask(kSgx, subleaf);
    handle = {subleaf ? "sgx1" : "sgx0", digits({r.eax, r.ebx, r.ecx, r.edx}), "eax,ebx,ecx,edx", 0,
              std::to_string(kSgx) + (subleaf ? ",1" : "")};
    co_yield handle;
  }
}

#else

Rows<Handle> scan(const Scan&) { co_return; }

#endif

}  // namespace

Table cpuid() {
  return table("cpuid", "What an x86 processor tells of itself when asked by its cpuid instruction.", scan)
      .column("feature", TEXT, &Handle::feature, "Name of the feature.")
      .column("value", TEXT, &Handle::value, "1 or 0 for a feature, otherwise text or hexadecimal digits.")
      .column("output_register", TEXT, &Handle::registers, "Register or registers that the answer stood in.")
      .column("output_bit", INTEGER, &Handle::bit, "Which bit of that register; 0 where all of it is the answer.")
      .column("input_eax", TEXT, &Handle::input, "What was asked: the value of eax.")
      .host_only()
      .example("SELECT feature, value FROM cpuid WHERE feature IN ('vmx', 'svm', 'smep', 'smap')");
}

}  // namespace osprey::tables
