#include "server/results/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/api/json.h"
#include "server/api/problem.h"
#include "server/results/views.h"

namespace osprey::server::results {

namespace {

constexpr std::size_t kPage = 500;
constexpr std::size_t kMostUnsent = 1 << 20;
constexpr std::chrono::seconds kTime{5};

// A field of RFC 4180.
void append_csv(std::string& out, std::string_view field) {
  if (field.find_first_of("\",\r\n") == std::string_view::npos) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_record(std::string& out, const std::vector<std::string>& record) {
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (i > 0) out += ',';
    append_csv(out, record[i]);
  }
  out += "\r\n";
}

class Writer {
 public:
  virtual ~Writer() = default;
  // `first`: before anything else has been written.
  virtual std::string page(const std::vector<Line>& lines, bool first) = 0;
  virtual std::string end() { return {}; }
};

class JsonWriter final : public Writer {
 public:
  JsonWriter(const Services& services, bool list) : services_(services), list_(list) {}
  std::string page(const std::vector<Line>& lines, bool first) override {
    std::string out = first && list_ ? "[" : "";
    for (const Line& line : lines) {
      if (list_) out += std::exchange(any_, true) ? ",\n" : "\n";
      out += boost::json::serialize(api::to_json(view_of(line, services_)));
      if (!list_) out += '\n';
    }
    return out;
  }
  std::string end() override { return list_ ? "\n]\n" : ""; }

 private:
  const Services& services_;
  const bool list_;
  bool any_ = false;
};

// Which columns there will be nobody knows before the end: those of the first page have a place each, others are in the
// last field.
class CsvWriter final : public Writer {
 public:
  explicit CsvWriter(const Services& services) : services_(services) {}
  std::string page(const std::vector<Line>& lines, bool first) override {
    std::string out = first ? header(lines) : "";
    for (const Line& line : lines) append_record(out, record(line));
    return out;
  }

 private:
  static constexpr std::size_t kMostColumns = 1000;

  std::string header(const std::vector<Line>& lines) {
    for (const Line& line : lines)
      for (const auto& [column, value] : columns_of(line))
        if (std::ranges::find(columns_, column) == columns_.end() && columns_.size() < kMostColumns)
          columns_.push_back(column);
    std::vector<std::string> names = {"received", "host", "host_name", "query", "action", "host_time", "severity"};
    names.insert(names.end(), columns_.begin(), columns_.end());
    names.push_back("other");
    std::string out;
    append_record(out, names);
    return out;
  }

  std::vector<std::string> record(const Line& line) const {
    const LineView view = view_of(line, services_);
    std::vector<std::string> fields = {to_rfc3339(line.received),
                                       fmt::format("{}", line.host),
                                       view.host_name,
                                       line.row.name,
                                       std::string(name_of(line.row.action)),
                                       view.host_time ? to_rfc3339(*view.host_time) : "",
                                       view.severity ? fmt::format("{}", *view.severity) : ""};
    const std::size_t fixed = fields.size();
    fields.resize(fixed + columns_.size() + 1);
    boost::json::object other;
    for (auto& [column, value] : columns_of(line)) {
      const auto place = std::ranges::find(columns_, column);
      if (place == columns_.end())
        other[column] = value;
      else
        fields[fixed + static_cast<std::size_t>(place - columns_.begin())] = std::move(value);
    }
    if (view.raw)
      fields.back() = *view.raw;
    else if (!other.empty())
      fields.back() = boost::json::serialize(other);
    return fields;
  }

  static std::vector<std::pair<std::string, std::string>> columns_of(const Line& line) {
    return line.row.kind == Kind::raw ? std::vector<std::pair<std::string, std::string>>()
                                      : results::columns_of(line.row.columns);
  }

  const Services& services_;
  std::vector<std::string> columns_;
};

std::unique_ptr<Writer> writer_of(Format format, const Services& services) {
  if (format == Format::csv) return std::make_unique<CsvWriter>(services);
  return std::make_unique<JsonWriter>(services, format == Format::json);
}

http::Response head_of(Format format) {
  constexpr std::string_view kTypes[] = {"text/csv; charset=utf-8", "application/json", "application/jsonl"};
  const auto number = static_cast<std::size_t>(format);
  return {.content_type = std::string(kTypes[number]),
          .headers = {{"content-disposition", fmt::format("attachment; filename=\"results.{}\"", api::name_of(format))},
                      {"cache-control", "no-store"}}};
}

// Kept alive by what waits to go on with it.
class Export : public std::enable_shared_from_this<Export> {
 public:
  Export(Filter filter, Format format, const Services& services, http::BodyStream stream)
      : filter_(std::move(filter)),
        services_(services),
        writer_(writer_of(format, services)),
        stream_(std::move(stream)) {}

  // A page of lines, then what comes after it. Without finish() the reader knows that it is not whole.
  void write(const Page& page) {
    std::string piece = writer_->page(page.lines, std::exchange(first_, false));
    if (!page.next) piece += writer_->end();
    if (!stream_.write(std::move(piece))) return;
    if (!page.next) return stream_.finish();
    before_ = page.next;
    // Also where the reader is fast: others wait for the worker.
    stream_.when_drained([self = shared_from_this()] { self->go_on(); });
  }

 private:
  void go_on() {
    if (stream_.unsent() > kMostUnsent) return stream_.when_drained([self = shared_from_this()] { self->go_on(); });
    if (const auto page = services_.results->search(filter_, before_, kPage, kTime)) write(*page);
  }

  const Filter filter_;
  const Services& services_;
  const std::unique_ptr<Writer> writer_;
  http::BodyStream stream_;
  std::optional<std::int64_t> before_;
  bool first_ = true;
};

}  // namespace

void export_lines(Filter filter, Format format, const Services& services, http::Responder responder) {
  // What is wrong from the beginning gets a status.
  const auto page = services.results->search(filter, std::nullopt, kPage, kTime);
  if (!page) {
    responder.send(api::problem_response(page.error()));
    return;
  }
  std::make_shared<Export>(std::move(filter), format, services, responder.stream(head_of(format)))->write(*page);
}

}  // namespace osprey::server::results
