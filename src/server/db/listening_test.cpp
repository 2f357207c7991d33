#include "server/db/listening.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace osprey::server::db {
namespace {

TEST(Listening, NothingIsCalledOnceItIsGone) {
  int sum = 0;
  std::function<void(int)> tell;
  {
    const Listening listening;
    tell = listening.while_there([&](int number) { sum += number; });
    tell(1);
  }
  tell(2);
  EXPECT_EQ(sum, 1);
}

TEST(Listening, WaitsForACallThatIsUnderWay) {
  std::latch under_way{1};
  std::atomic<bool> done = false;
  auto listening = std::make_unique<Listening>();
  const auto tell = listening->while_there([&] {
    under_way.count_down();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    done = true;
  });
  const std::jthread caller([&] { tell(); });
  under_way.wait();
  listening.reset();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace osprey::server::db
