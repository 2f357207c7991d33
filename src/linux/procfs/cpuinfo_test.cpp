#include "linux/procfs/cpuinfo.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Cpuinfo, X86) {
  const auto processors = parse_cpuinfo(
      "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 2\nmodel name\t: AMD EPYC\nmicrocode\t: 0x1000065\n"
      "cpu MHz\t\t: 2596.122\nphysical id\t: 0\nsiblings\t: 4\ncore id\t\t: 1\ncpu cores\t: 2\nflags\t\t: fpu lm\n\n"
      "processor\t: 1\nphysical id\t: x\nflags\t\t: fpu lmx\n");
  ASSERT_EQ(processors.size(), 2u);
  EXPECT_EQ(processors[0].vendor, "AuthenticAMD");
  EXPECT_EQ(processors[0].model, "2");
  EXPECT_EQ(processors[0].model_name, "AMD EPYC");
  EXPECT_EQ(processors[0].microcode, "0x1000065");
  EXPECT_EQ(processors[0].package, 0);
  EXPECT_EQ(processors[0].siblings, 4);
  EXPECT_EQ(processors[0].core, 1);
  EXPECT_EQ(processors[0].cores, 2);
  EXPECT_DOUBLE_EQ(processors[0].megahertz.value(), 2596.122);
  EXPECT_EQ(processors[0].long_mode, true);
  EXPECT_EQ(processors[1].package, std::nullopt);
  EXPECT_EQ(processors[1].long_mode, false);
}

TEST(Cpuinfo, ArmSaysLittle) {
  const auto processors = parse_cpuinfo(
      "Processor : ARMv7\nprocessor\t: 0\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0c\n\nprocessor\t: 1\n\nHardware\t: x\n");
  EXPECT_EQ(processors.size(), 2u);
  EXPECT_EQ(processors[0].long_mode, std::nullopt);
  EXPECT_TRUE(parse_cpuinfo(":\n\n: 1\nmodel : 1\n").empty());
}

}  // namespace
}  // namespace osprey::linux
