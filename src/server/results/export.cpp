#include "server/results/export.h"

#include "server/api/json.h"
#include "server/results/views.h"

namespace osprey::server::results {

namespace {

constexpr std::size_t kPage = 500;
constexpr std::chrono::seconds kTime{5};

class Lines {
 public:
  Lines(Filter filter, const Services& services) : filter_(std::move(filter)), services_(&services) {}

  // Which columns there will be nobody knows before the end: CSV has those of the first page.
  Result<bool> operator()(api::ExportWriter& writer) {
    const auto page = TRY(services_->results->search(filter_, before_, kPage, kTime));
    std::vector<boost::json::object> rows;
    for (const Line& line : page.lines) {
      rows.push_back(api::to_json(view_of(line, *services_)).as_object());
      if (writer.format() == api::ExportFormat::csv && line.row.kind != Kind::raw)
        rows.back()["columns"] = texts_of(line);
      writer.learn(rows.back()["columns"].as_object());
    }
    for (const auto& row : rows) writer.add(row);
    before_ = page.next;
    return page.next.has_value();
  }

 private:
  static boost::json::object texts_of(const Line& line) {
    boost::json::object texts;
    for (const auto& [column, value] : columns_of(line.row.columns)) texts[column] = value;
    return texts;
  }

  Filter filter_;
  const Services* services_;
  std::optional<std::int64_t> before_;
};

}  // namespace

void export_lines(Filter filter, api::ExportFormat format, const Services& services, http::Responder responder) {
  api::export_rows("results", {format, {"received", "host", "host_name", "query", "action", "host_time", "severity"}},
                   Lines(std::move(filter), services), std::move(responder));
}

}  // namespace osprey::server::results
