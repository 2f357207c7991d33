#include "events/journal/record.h"

#include <gmock/gmock.h>

#include <limits>

namespace osprey::events {
namespace {

using testing::ElementsAre;

enum class Colour : std::uint8_t { red, green };

struct Ancestor {
  std::int32_t pid = 0;
  std::string_view path;
  template <class Archive>
  void fields(Archive& field) {
    field(pid)(path);
  }
};

struct Event {
  std::int64_t pid = 0;
  std::uint64_t inode = 0;
  bool deleted = false;
  Colour colour = Colour::red;
  std::string_view path;
  std::optional<std::int64_t> status;
  std::vector<Ancestor> ancestors;
  std::int32_t later = -1;  // of a later version
  template <class Archive>
  void fields(Archive& field) {
    field(pid)(inode)(deleted)(colour)(path)(status)(ancestors)(later);
  }
};

TEST(Record, HoldsAllFields) {
  Event event{-5, std::numeric_limits<std::uint64_t>::max(), true, Colour::green, {"a\0b", 3}, std::nullopt, {}, 7};
  event.ancestors = {{1, "/sbin/init"}, {-2, ""}};
  std::string bytes;
  encode(event, bytes);
  auto read = decode<Event>(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->pid, -5);
  EXPECT_EQ(read->inode, event.inode);
  EXPECT_TRUE(read->deleted);
  EXPECT_EQ(read->colour, Colour::green);
  EXPECT_EQ(read->path, event.path);
  EXPECT_EQ(read->status, std::nullopt);
  ASSERT_EQ(read->ancestors.size(), 2u);
  EXPECT_EQ(read->ancestors[1].pid, -2);
  EXPECT_EQ(read->later, 7);

  event.status = std::numeric_limits<std::int64_t>::min();
  bytes.clear();
  encode(event, bytes);
  EXPECT_EQ(decode<Event>(bytes)->status, event.status);
}

// Of an earlier version: what it did not have is as it is made.
TEST(Record, MayEndEarly) {
  Event event;
  event.path = "/bin/true";
  std::string bytes;
  encode(event, bytes);
  const auto read = decode<Event>(std::string_view(bytes).substr(0, bytes.size() - 1));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->path, "/bin/true");
  EXPECT_EQ(read->later, -1);
}

TEST(Record, DamageIsSeen) {
  Event event;
  event.path = "/bin/true";
  event.ancestors = {{1, "/sbin/init"}};
  std::string bytes;
  encode(event, bytes);
  EXPECT_FALSE(decode<Event>(std::string_view(bytes).substr(0, 8))) << "a text that is cut";
  EXPECT_FALSE(decode<Event>(std::string(20, '\xFF')));
  // Any byte may be anything.
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (int value = 0; value < 256; ++value) {
      auto other = bytes;
      other[i] = static_cast<char>(value);
      static_cast<void>(decode<Event>(other));
    }
}

}  // namespace
}  // namespace osprey::events
