#include <chrono>

#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

using SleepTest = FunctionsTest;
using Clock = std::chrono::steady_clock;

TEST_F(SleepTest, SleepsAndAnswersTheSeconds) {
  const auto start = Clock::now();
  EXPECT_EQ(value("sleep(1)"), "1");
  EXPECT_GE(Clock::now() - start, std::chrono::seconds(1));
}

TEST_F(SleepTest, IsWoken) {
  const auto stop = Clock::now() + std::chrono::milliseconds(100);
  options_.interrupted = [stop] { return Clock::now() >= stop; };
  EXPECT_TRUE(run("sleep(9223372036854775807)").failed);
  EXPECT_EQ(code_, SQLITE_INTERRUPT);
  EXPECT_LT(Clock::now() - stop, std::chrono::milliseconds(50));
}

}  // namespace
}  // namespace osprey::sql
