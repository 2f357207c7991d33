#include <fmt/format.h>

#include "server/api/endpoint.h"
#include "server/api/export.h"
#include "server/api/streaming.h"
#include "server/live/records.h"

namespace osprey::server {
namespace {

namespace json = boost::json;

struct Request : live::OneQuery {
  api::ExportFormat format = api::ExportFormat::jsonl;
  static constexpr auto fields() {
    return std::tuple_cat(
        OneQuery::fields(),
        std::tuple(api::field("format", &Request::format,
                              "csv: a column for each of the answers' columns; json: a list; jsonl: a row a line.",
                              {.has_default = true})));
  }
};

// Host by host, each with its rows. A host that has no rows and something to say, why it failed or a warning, has one
// without columns.
class Answers {
 public:
  Answers(live::QueryId query, db::Database& database) : query_(query), database_(&database) {}

  Result<bool> operator()(api::ExportWriter& writer) {
    if (writer.format() == api::ExportFormat::csv && !learnt_) {
      learnt_ = !TRY(learn(writer));
      return true;
    }
    if (next_ == page_.size() && !TRY(read_on())) return false;
    while (next_ < page_.size() && writer.bytes() < api::kPiece) add(writer, page_[next_]);
    return true;
  }

 private:
  static constexpr std::int64_t kHosts = 16;          // of a page
  static constexpr std::size_t kRowsBytes = 1 << 20;  // of a page

  // False: there are no more hosts.
  Result<bool> read_on() {
    page_ = TRY(live::hosts_of(*database_, query_,
                               {.states = {live::HostState::answered, live::HostState::failed, live::HostState::expired,
                                           live::HostState::cancelled},
                                .after = after_,
                                .limit = kHosts,
                                .rows_bytes = kRowsBytes}));
    next_ = row_ = 0;
    if (page_.empty()) return false;
    after_ = page_.back().host;
    return true;
  }

  // A first pass, for CSV, a page a call; false: it is over. All rows of an answer have the same columns, so that the
  // first row of each host tells every column that there is, and no more than their names is kept.
  Result<bool> learn(api::ExportWriter& writer) {
    const bool more = TRY(read_on());
    for (const auto& answer : page_)
      if (const auto* rows = answer.rows.if_array(); rows && !rows->empty() && rows->front().is_object())
        writer.learn(rows->front().get_object());
    page_.clear();
    if (!more) after_ = 0;
    return more;
  }

  // The answer's next row.
  void add(api::ExportWriter& writer, const live::HostAnswer& answer) {
    const auto* rows = answer.rows.if_array();
    const bool has_rows = rows && !rows->empty();
    const std::string message = row_ == 0 ? message_of(answer) : "";
    if (has_rows || !message.empty())
      writer.add({{"host", answer.host},
                  {"host_name", answer.host_name},
                  {"state", api::name_of(answer.state)},
                  {"message", message},
                  {"columns", has_rows ? (*rows)[row_] : json::object()}});
    if (++row_ < (has_rows ? rows->size() : 1)) return;
    row_ = 0;
    ++next_;
  }

  static std::string message_of(const live::HostAnswer& answer) {
    if (answer.state == live::HostState::answered && answer.rows_dropped > 0)
      return fmt::format("{}{}{} more rows were not kept", answer.message, answer.message.empty() ? "" : "; ",
                         answer.rows_dropped);
    if (answer.state == live::HostState::answered || !answer.message.empty()) return answer.message;
    return answer.state == live::HostState::failed ? "failed"
                                                   : fmt::format("{} before an answer", api::name_of(answer.state));
  }

  live::QueryId query_;
  db::Database* database_;
  hosts::HostId after_ = 0;
  std::vector<live::HostAnswer> page_;
  std::size_t next_ = 0;  // of page_
  std::size_t row_ = 0;   // of that answer
  bool learnt_ = false;
};

void handle(const Request& request, const api::Context& context, http::Responder responder) {
  if (const auto query = live::find(*context.services.database, request.query); !query) {
    responder.send(api::problem_response(query.error()));
    return;
  }
  api::export_rows(fmt::format("live-{}", request.query), {request.format, {"host", "host_name", "state", "message"}},
                   Answers(request.query, *context.services.database), std::move(responder));
}

}  // namespace

api::Endpoint export_live() {
  return api::endpoint(http::Method::get, "/api/v1/live/{query}/export", api::Permission::view,
                       "All rows of a live query's answers as they stand, by host: host, host_name, state, message, "
                       "columns. The message is why a host failed or did not answer, which has one row without "
                       "columns; of an answer it is a warning, on its first row. The connection breaks off where "
                       "something goes wrong.",
                       handle, api::kExportTypes);
}

}  // namespace osprey::server
