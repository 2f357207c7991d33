#include "server/api/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api/problem.h"
#include "server/api/testing.h"

namespace osprey::server::api {
namespace {

namespace json = boost::json;

json::object row(int host, json::object columns) { return {{"host", host}, {"columns", std::move(columns)}}; }

TEST(ExportWriter, CsvHasAPlaceForEachColumnLearntAndOneForTheRest) {
  ExportWriter writer(ExportFormat::csv, {"host", "message"});
  writer.learn({{"b", "1"}, {"a", "2"}});
  writer.learn({{"a", "3"}, {"c,d", "4"}});
  writer.add(row(1, {{"a", "it's, \"quoted\"\nand more"}, {"b", nullptr}, {"c,d", 1.5}}));
  writer.learn({{"late", ""}});
  writer.add(row(2, {{"late", "x"}, {"a", true}}));
  writer.add({{"host", 3}, {"raw", "no, row"}});
  writer.end();
  EXPECT_EQ(writer.take(),
            "host,message,b,a,\"c,d\",other\r\n"
            "1,,,\"it's, \"\"quoted\"\"\nand more\",1.5,\r\n"
            "2,,,true,,\"{\"\"late\"\":\"\"x\"\"}\"\r\n"
            "3,,,,,\"no, row\"\r\n");
}

TEST(ExportWriter, NothingIsStillAFileOfItsFormat) {
  for (const auto& [format, text] :
       {std::pair{ExportFormat::csv, "host,other\r\n"}, {ExportFormat::json, "[\n]\n"}, {ExportFormat::jsonl, ""}}) {
    ExportWriter writer(format, {"host"});
    writer.end();
    EXPECT_EQ(writer.take(), text);
  }
}

TEST(ExportWriter, JsonIsOneListHoweverOftenItIsTaken) {
  ExportWriter list(ExportFormat::json, {});
  ExportWriter lines(ExportFormat::jsonl, {});
  std::string text;
  for (int i = 0; i < 3; ++i) {
    list.add(row(i, {{"a", "é"}}));
    lines.add(row(i, {}));
    text += list.take();
  }
  list.end();
  text += list.take();
  EXPECT_EQ(json::parse(text).as_array().size(), 3U);
  EXPECT_EQ(lines.take(), "{\"host\":0,\"columns\":{}}\n{\"host\":1,\"columns\":{}}\n{\"host\":2,\"columns\":{}}\n");
}

// A host may invent as many columns as it likes.
TEST(ExportWriter, ColumnsAreBounded) {
  ExportWriter writer(ExportFormat::csv, {});
  for (int i = 0; i < 5000; ++i) writer.learn({{"column" + std::to_string(i), ""}});
  writer.learn({{std::string(1 << 20, 'x'), ""}});
  writer.add(row(1, {{"column4999", "kept"}}));
  EXPECT_LT(writer.bytes(), 80U << 10);
  EXPECT_THAT(writer.take(), ::testing::HasSubstr("column4999\"\":\"\"kept"));
}

TEST(Export, AnErrorIsAProblemAtTheStartAndABrokenConnectionLater) {
  testing::Peer refused, broken;
  const auto fails = [](ExportWriter&) -> Result<bool> { return problem(kConflict, "list", "is away"); };
  export_rows("list", {ExportFormat::json, {}}, fails, http::Responder(std::make_unique<testing::PeerLink>(refused)));
  EXPECT_EQ(refused.response.status, 409U);
  const auto fails_later = [first = true](ExportWriter& writer) mutable -> Result<bool> {
    if (!std::exchange(first, false)) return problem(kConflict, "list", "is away");
    writer.add({});
    return true;
  };
  export_rows("list", {ExportFormat::jsonl, {}}, fails_later,
              http::Responder(std::make_unique<testing::PeerLink>(broken)));
  broken.read_all();
  EXPECT_EQ(broken.response.status, 200U);
  EXPECT_EQ(broken.body, "{}\n");
  EXPECT_FALSE(broken.finished);
}

}  // namespace
}  // namespace osprey::server::api
