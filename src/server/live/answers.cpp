#include "server/live/answers.h"

#include <boost/json.hpp>
#include <string>

namespace osprey::server::live {
namespace {

// The rows that are kept of an answer: as many as are wanted, and fit.
void cut_rows(Kept& kept, const std::string& rows, std::int64_t most, std::size_t bytes) {
  boost::system::error_code failed;
  const auto parsed = boost::json::parse(rows, failed);
  if (failed || !parsed.is_array()) {
    kept.failed = true;
    kept.message = "the host's answer is no list of rows";
    kept.rows = "[]";
    return;
  }
  kept.rows = "[";
  for (const auto& row : parsed.get_array()) {
    const auto text = boost::json::serialize(row);
    if (kept.row_count >= most || kept.rows.size() + text.size() + 2 > bytes) {
      ++kept.rows_dropped;
      continue;
    }
    if (kept.row_count++ > 0) kept.rows += ',';
    kept.rows += text;
  }
  kept.rows += ']';
}

std::string without_nul(std::string text) {
  std::erase(text, '\0');
  return text;
}

}  // namespace

Kept kept_of(const Running& query, hosts::HostId host, agents::Answer answer, std::size_t most_bytes) {
  Kept kept{
      .query = query.id, .host = host, .failed = answer.failed, .message = without_nul(std::move(answer.message))};
  cut_rows(kept, answer.rows, query.rows_a_host, most_bytes);
  kept.stats = answer.stats;
  return kept;
}

std::size_t AnswersOfHost::bytes() const noexcept {
  std::size_t sum = sizeof *this;
  for (const auto& answer : answers)
    sum += sizeof answer + answer.rows.size() + answer.message.size() + answer.stats.size();
  return sum;
}

}  // namespace osprey::server::live
