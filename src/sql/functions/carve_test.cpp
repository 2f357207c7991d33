#include "sql/carving.h"

#include <gmock/gmock.h>

#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

using testing::ElementsAre;

class FakeCarving final : public Carving {
 public:
  Result<void> carve(const std::vector<std::string>& paths) override {
    asked.push_back(paths);
    if (refuse) return failure("/a", "no room");
    return {};
  }
  std::vector<std::vector<std::string>> asked;
  bool refuse = false;
};

class CarveTest : public FunctionsTest {
 public:
  CarveTest() {
    options_.carving = &carving_;
    be_osquery(false);
  }
  FakeCarving carving_;
};

TEST_F(CarveTest, IsRefusedWhereNothingIsCarved) {
  options_.carving = nullptr;
  EXPECT_EQ(value("(select carve(column1) from (values ('/a'), ('/b')))"),
            "Carve Failed: it is off (disable_carver, carver_disable_function)");
  be_osquery(true);
  EXPECT_EQ(value("(select carve(p) from (select 1 as p) where 0)"), "Carve Failed:");
  EXPECT_EQ(value("(select carve(column1) from (values ('/a'), ('/b')))"), "Carve Failed:");
}

TEST_F(CarveTest, ThePathsOfAGroupAreOneCarve) {
  EXPECT_EQ(value("(select carve(column1) from (values ('/a'), (null), ('/b')))"), "Carve Started");
  EXPECT_THAT(carving_.asked.front(), ElementsAre("/a", "/b"));
}

TEST_F(CarveTest, WithoutPathsThereIsNothingToCarve) {
  EXPECT_EQ(value("(select carve(p) from (select 1 as p) where 0)"), "Carve Failed: no paths");
  EXPECT_EQ(value("carve(null)"), "Carve Failed: no paths");
  EXPECT_TRUE(carving_.asked.empty());
}

TEST_F(CarveTest, TooManyPathsAreRefused) {
  EXPECT_EQ(value("(select carve(printf('%.*c', 400000, 'x')) from (values (1), (2), (3)))"),
            "Carve Failed: more than 1 MiB of paths: ask for fewer");
  EXPECT_TRUE(carving_.asked.empty());
}

TEST_F(CarveTest, ARefusalSaysWhy) {
  carving_.refuse = true;
  EXPECT_EQ(value("carve('/a')"), "Carve Failed: /a: no room");
  be_osquery(true);
  EXPECT_EQ(value("carve('/a')"), "Carve Failed:");
}

}  // namespace
}  // namespace osprey::sql
