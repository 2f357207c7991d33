// Export: all rows of something as CSV (RFC 4180), as a JSON list or as JSON lines, in a stream (streaming.h).
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/http/responder.h"

namespace osprey::server::api {

enum class ExportFormat : std::uint8_t { csv, json, jsonl };

// Makes text of rows. A row is an object, and JSON has it as it is. CSV has a field for each of the members that are
// `fixed`, then one for each learnt column of its object "columns", then "other": the columns that have no place, as
// JSON, or the row's "raw" text where it has one instead of columns. One thread at a time.
class ExportWriter {
 public:
  ExportWriter(ExportFormat format, std::vector<std::string_view> fixed) : format_(format), fixed_(std::move(fixed)) {}

  ExportFormat format() const noexcept { return format_; }
  // CSV's columns are those that are learnt before the first row, in that order and as many as are sensible.
  void learn(const boost::json::object& columns);
  void add(const boost::json::object& row);
  void end();

  // Of what take() would give.
  std::size_t bytes() const noexcept { return text_.size(); }
  std::string take() { return std::exchange(text_, {}); }

 private:
  void begin();
  void add_record(const boost::json::object& row);
  void add_field(std::string_view field);

  const ExportFormat format_;
  const std::vector<std::string_view> fixed_;
  std::vector<std::string> columns_;
  std::unordered_map<std::string, std::size_t> places_;  // of columns_
  std::size_t column_bytes_ = 0;
  bool begun_ = false;
  bool any_ = false;
  std::string text_;
};

// Adds the rows that come next, about kPiece of text at most; false: there are no more. Otherwise as a PieceSource.
using ExportSource = std::function<Result<bool>(ExportWriter&)>;

// Sends all of it, as a file of this name and the format's ending.
void export_rows(std::string_view name, ExportWriter writer, ExportSource source, http::Responder responder);

// What an endpoint says that it sends.
inline constexpr const char* kExportTypes = "application/jsonl, application/json, text/csv";

template <>
struct EnumNames<ExportFormat> {
  static constexpr std::array kNames{std::pair{ExportFormat::csv, std::string_view("csv")},
                                     std::pair{ExportFormat::json, std::string_view("json")},
                                     std::pair{ExportFormat::jsonl, std::string_view("jsonl")}};
};

}  // namespace osprey::server::api
