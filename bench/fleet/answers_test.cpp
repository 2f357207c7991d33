#include "fleet/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::fleet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

const Persona kHost(12, 300, 60);

TEST(Answers, GiveTheColumnsThatAreAskedForUnderTheirNames) {
  const Answer answer = answer_to(kHost, "SELECT o.platform, arch AS machine FROM os_version o;");
  ASSERT_EQ(answer.rows.size(), 1u);
  EXPECT_THAT(answer.rows[0], ElementsAre(Pair("platform", testing::Ne("")), Pair("machine", "x86_64")));
}

TEST(Answers, GiveAllColumnsForAStar) {
  EXPECT_EQ(answer_to(kHost, "select * from users where uid = 0").rows.at(0).at(2).second, "root");
}

TEST(Answers, GiveConstantsBack) {
  EXPECT_THAT(answer_to(kHost, "select 1 as one, 'a, b' as text").rows.at(0),
              ElementsAre(Pair("one", "1"), Pair("text", "a, b")));
}

TEST(Answers, MakeUpARowOfWhatTheyDoNotKnow) {
  EXPECT_THAT(answer_to(kHost, "select name, count(*) as n from chrome_extensions group by 1").rows.at(0),
              ElementsAre(Pair("name", testing::_), Pair("n", testing::_)));
}

TEST(Answers, FailAsAnAgentDoes) {
  EXPECT_EQ(answer_to(kHost, "select * from no_such_table").failed, "no such table: no_such_table");
  EXPECT_THAT(answer_to(kHost, "drop everything").failed, testing::HasSubstr("syntax error"));
  EXPECT_THAT(answer_to(kHost, "").rows, IsEmpty());
}

TEST(Answers, SeeACarve) {
  EXPECT_TRUE(answer_to(kHost, "SELECT * FROM carves WHERE path = '/etc/hosts' AND carve = 1").carves);
  EXPECT_TRUE(answer_to(kHost, "select carve(path) from file where path = '/etc/hosts'").carves);
  EXPECT_FALSE(answer_to(kHost, "select path from file").carves);
}

TEST(Persona, IsTheSameForTheSameNumberAndAnotherForAnother) {
  EXPECT_EQ(Persona(7, 1, 1).uuid, Persona(7, 1, 1).uuid);
  EXPECT_NE(Persona(7, 1, 1).uuid, Persona(8, 1, 1).uuid);
  EXPECT_EQ(kHost.uuid.size(), 36u);
}

TEST(Persona, TellsItsIntervals) {
  const auto flags = rows_of(kHost, "osquery_flags");
  EXPECT_THAT(flags.at(1), testing::AllOf(testing::Contains(Pair("name", "distributed_interval")),
                                          testing::Contains(Pair("value", "60"))));
}

}  // namespace
}  // namespace osprey::fleet
