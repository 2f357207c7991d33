#include "linux/sandbox/capabilities.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "base/root.h"
#include "base/text.h"

namespace osprey::linux {
namespace {

// "CapEff" and the like of this thread (proc_pid_status(5)).
std::uint64_t set_of(std::string_view name) {
  const auto status = Root::host().read("/proc/thread-self/status");
  for (auto line : Lines(status->bytes))
    if (take_field(line) == name) return *parse<std::uint64_t>(trim(line), 16);
  return ~std::uint64_t{0};
}

TEST(Capabilities, OnlyWhatIsKeptIsLeft) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities to give away";
  // Of a thread of its own, so that the other tests keep theirs.
  std::thread([] {
    const std::array kept = {CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE};
    const auto wanted = std::uint64_t{1} << CAP_DAC_READ_SEARCH | std::uint64_t{1} << CAP_SYS_PTRACE;
    ASSERT_TRUE(keep_only_capabilities(kept));
    EXPECT_EQ(set_of("CapEff:"), wanted);
    EXPECT_EQ(set_of("CapPrm:"), wanted);
    EXPECT_EQ(set_of("CapBnd:"), wanted);
    EXPECT_EQ(set_of("CapInh:"), 0U);
    EXPECT_TRUE(keep_only_capabilities({}));
    EXPECT_EQ(set_of("CapEff:"), 0U);
  }).join();
}

TEST(Capabilities, AThreadBeginsWithWhatIsKept) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities to give away";
  const auto before = set_of("CapEff:");
  const std::array kept = {CAP_DAC_READ_SEARCH};
  const auto wanted = std::uint64_t{1} << CAP_DAC_READ_SEARCH;
  thread_with_only(kept, "one of a long name", [&] {
    EXPECT_EQ(set_of("CapEff:"), wanted);
    EXPECT_EQ(set_of("CapPrm:"), wanted);
    EXPECT_EQ(Root::host().read("/proc/thread-self/comm")->bytes, "one of a long n\n");
    EXPECT_NE(set_of("SigBlk:") & std::uint64_t{1} << (SIGTERM - 1), 0U);
    std::thread([&] { EXPECT_EQ(set_of("CapPrm:"), wanted); }).join();
  }).join();
  EXPECT_EQ(set_of("CapEff:"), before);
}

}  // namespace
}  // namespace osprey::linux
