#include "ctl/sse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::ctl {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;
using testing::ElementsAre;
using testing::Pair;

Events read(std::string_view text, std::size_t piece) {
  Events events;
  EventReader reader;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    EXPECT_TRUE(reader.feed(text.substr(0, piece), [&](std::string_view name, std::string_view data) {
      events.emplace_back(name, data);
      return true;
    }));
  return events;
}

TEST(EventReader, ReadsEventsHoweverTheStreamIsCut) {
  constexpr std::string_view kText =
      ": still here\n\nevent: query\ndata: {\"id\":1}\r\n\r\nid: 7\ndata:a\rdata: b\r\revent: done\ndata\n\n"
      "event: unfinished\ndata: x\n";
  for (std::size_t piece = 1; piece < kText.size(); ++piece)
    EXPECT_THAT(read(kText, piece),
                ElementsAre(Pair("query", "{\"id\":1}"), Pair("message", "a\nb"), Pair("done", "")));
}

TEST(EventReader, EndsWhereTheTakerWantsNoMore) {
  EventReader reader;
  int taken = 0;
  const auto more = reader.feed("data: 1\n\ndata: 2\n\n", [&](auto, auto) { return ++taken < 1; });
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
  EXPECT_EQ(taken, 1);
}

TEST(EventReader, RefusesAnEventWithoutEnd) {
  EventReader reader;
  const std::string line = "data: " + std::string(1 << 20, 'x') + "\n";
  bool refused = false;
  for (int i = 0; i < 70 && !refused; ++i) refused = !reader.feed(line, [](auto, auto) { return true; });
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace osprey::ctl
