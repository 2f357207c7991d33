#include "server/results/search.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <deque>

#include "base/json.h"
#include "server/db/bytes.h"
#include "server/results/segment.h"
#include "server/results/value_filter.h"

namespace osprey::server::results {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// So many hosts are looked up one by one in their index; more are looked for among all rows.
constexpr std::size_t kHostsByIndex = 16;
// Few at first, since newest lines often suffice.
constexpr std::size_t kFirstSegments = 256;
constexpr std::size_t kMostSegments = 8192;
// Of neighbouring segments, rows that one statement looks at.
constexpr std::int64_t kFirstRows = 16'384;
constexpr std::int64_t kMostRows = 131'072;
constexpr milliseconds kLeastTime{50};

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// Text as it stands within a JSON string.
std::string json_inner(std::string_view text) {
  const std::string quoted = json_text(text);
  return quoted.substr(1, quoted.size() - 2);
}

// A statement that is put together with its values, named :v0, :v1…, which live as long as it.
class Statement {
 public:
  std::string text;

  std::string value(std::int64_t number) {
    numbers_.push_back(number);
    uses_.push_back([&held = numbers_.back()](soci::statement& statement) { statement.exchange(soci::use(held)); });
    return name();
  }
  std::string value(std::string words) {
    texts_.push_back(std::move(words));
    uses_.push_back([&held = texts_.back()](soci::statement& statement) { statement.exchange(soci::use(held)); });
    return name();
  }
  // Values are bound in the order in which they were made, which must be that of the text.
  void bind(soci::statement& statement) {
    for (const auto& use : uses_) use(statement);
  }

 private:
  std::string name() const { return fmt::format(":v{}", uses_.size() - 1); }

  std::deque<std::int64_t> numbers_;
  std::deque<std::string> texts_;
  std::vector<std::function<void(soci::statement&)>> uses_;
};

std::string list(Statement& statement, const auto& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ", ") + statement.value(value);
  return "(" + out + ")";
}

// Finds rows that hold what the filter asks, and a few more: matches() has the last word.
class Conditions {
 public:
  Conditions(const Filter& filter, db::Dialect dialect)
      : filter_(filter), instr_(dialect == db::Dialect::sqlite ? "instr" : "strpos") {}

  std::string text(Statement& statement, bool with_hosts) const {
    std::string out = filter_.status ? " AND kind IN (2, 3)" : " AND kind <> 3";
    if (with_hosts && !filter_.hosts.empty()) out += " AND host IN " + list(statement, filter_.hosts);
    if (!filter_.queries.empty()) out += " AND name IN " + list(statement, filter_.queries);
    if (!filter_.query_prefix.empty())
      out += fmt::format(" AND {}(name, {}) = 1", instr_, statement.value(filter_.query_prefix));
    if (!filter_.actions.empty()) {
      std::vector<std::int64_t> actions;
      for (const Action action : filter_.actions) actions.push_back(static_cast<std::int64_t>(action));
      out += " AND action IN " + list(statement, actions);
    }
    if (filter_.least_severity) out += " AND severity >= " + statement.value(std::int64_t{*filter_.least_severity});
    if (filter_.from) out += " AND received_at >= " + statement.value(filter_.from->ms);
    if (filter_.to) out += " AND received_at < " + statement.value(filter_.to->ms);
    for (const ValueMatch& match : filter_.values) out += " AND " + value_condition(statement, match);
    if (!filter_.text.empty()) out += " AND " + contains(statement, json_inner(filter_.text));
    return out;
  }

 private:
  std::string contains(Statement& statement, std::string piece) const {
    return fmt::format("{}(columns, {}) > 0", instr_, statement.value(std::move(piece)));
  }
  // Text stands in the columns within quotes and escaped; numbers, truth values, null and nested values do not.
  std::string value_condition(Statement& statement, const ValueMatch& match) const {
    const std::string key = json_text(match.column) + ":";
    if (match.how == ValueMatch::How::contains) {
      const std::string inner = json_inner(match.value);
      std::string out = contains(statement, key);
      out += " AND (" + contains(statement, inner);
      if (inner != match.value) out += " OR " + contains(statement, match.value);
      return out + ")";
    }
    const std::string quoted = contains(statement, key + json_text(match.value));
    const std::string bare = match.value.empty() ? "null" : match.value;
    constexpr std::string_view kBare = "-0123456789tfn[{";
    if (kBare.find(bare[0]) == std::string_view::npos) return quoted;
    return "(" + quoted + " OR " + contains(statement, key + bare) + ")";
  }

  const Filter& filter_;
  const std::string_view instr_;
};

constexpr std::string_view kColumns =
    "id, host, received_at, unix_at, kind, action, severity, epoch, counter, name, columns, decorations";

// Runs it and hands over its lines; false from `visit` ends it.
void for_each_line(soci::session& sql, Statement& text, const std::function<bool(Line&&)>& visit) {
  Line line;
  int kind = 0, action = 0, severity = 0;
  soci::statement statement(sql);
  statement.exchange(soci::into(line.id));
  statement.exchange(soci::into(line.host));
  statement.exchange(soci::into(line.received.ms));
  statement.exchange(soci::into(line.row.unix_ms));
  statement.exchange(soci::into(kind));
  statement.exchange(soci::into(action));
  statement.exchange(soci::into(severity));
  statement.exchange(soci::into(line.row.epoch));
  statement.exchange(soci::into(line.row.counter));
  statement.exchange(soci::into(line.row.name));
  statement.exchange(soci::into(line.row.columns));
  statement.exchange(soci::into(line.row.decorations));
  text.bind(statement);
  statement.alloc();
  statement.prepare(text.text, soci::details::st_one_time_query);
  statement.define_and_bind();
  statement.execute();
  while (statement.fetch()) {
    line.row.kind = static_cast<Kind>(kind);
    line.row.action = static_cast<Action>(action);
    line.row.severity = static_cast<std::int8_t>(severity);
    if (!visit(Line(line))) return;
  }
}

// A range of rows of one day, as a segment or several neighbouring ones have it.
struct Range {
  int day = 0;
  std::int64_t from = 0, to = 0;
  std::int64_t rows = 0;  // in it, about; 0 where the filter has said no
};

// Searches backwards from a row.
class Search {
 public:
  Search(db::Database& database, Filter filter, std::optional<std::int64_t> before, std::size_t limit,
         milliseconds time)
      : database_(database),
        filter_(std::move(filter)),
        conditions_(filter_, database.dialect()),
        before_(before.value_or(INT64_MAX)),
        first_page_(!before),
        limit_(limit),
        end_(steady_clock::now() + time) {
    std::ranges::sort(filter_.hosts);
    filter_.hosts.erase(std::ranges::unique(filter_.hosts).begin(), filter_.hosts.end());
    for (const ValueMatch& match : filter_.values)
      if (match.how == ValueMatch::How::equals) tokens_.push_back(token_of_column(match.column, match.value));
    // One that must be there; of several any may be.
    if (filter_.queries.size() == 1) tokens_.push_back(token_of_query(filter_.queries[0]));
  }

  Result<Page> run() {
    auto done = !filter_.hosts.empty() && filter_.hosts.size() <= kHostsByIndex ? by_host() : by_segment();
    // What takes too long where nothing has been found yet is the caller's to know; later the page says where to go on.
    if (!done && (done.error().code != db::kTimeout || !progress_)) return std::unexpected(std::move(done.error()));
    if (!done) page_.next = before_;
    if (first_page_) (void)estimate();  // without time for it the lines found are the estimate
    return std::move(page_);
  }

 private:
  milliseconds time_left() const {
    return std::max(kLeastTime, std::chrono::duration_cast<milliseconds>(end_ - steady_clock::now()));
  }
  bool time_is_up() const { return steady_clock::now() >= end_; }
  std::size_t wanted() const { return limit_ - page_.lines.size(); }

  // Keeps those that match. The number of rows that the statement gave.
  Result<std::size_t> take(const std::function<void(Statement&, std::size_t limit)>& write) {
    return database_.read_within(time_left(), [&](soci::session& sql) {
      std::vector<Line> found;
      std::size_t rows = 0;
      Statement statement;
      write(statement, wanted());
      for_each_line(sql, statement, [&](Line&& line) {
        ++rows;
        last_ = line.id;
        if (matches(filter_, line)) found.push_back(std::move(line));
        return true;
      });
      std::ranges::move(found, std::back_inserter(page_.lines));
      return rows;
    });
  }

  Result<void> by_host() {
    while (wanted() > 0) {
      const std::size_t asked = wanted();
      const std::size_t rows = TRY(take([&](Statement& statement, std::size_t limit) {
        for (std::size_t i = 0; i < filter_.hosts.size(); ++i) {
          statement.text += statement.text.empty() ? "SELECT * FROM (" : " UNION ALL SELECT * FROM (";
          statement.text +=
              fmt::format("SELECT {} FROM result_line WHERE host = {}", kColumns, statement.value(filter_.hosts[i]));
          statement.text += fmt::format(" AND id < {}", statement.value(before_));
          statement.text += conditions_.text(statement, false);
          statement.text += fmt::format(" ORDER BY id DESC LIMIT {}) AS h{}", limit, i);
        }
        statement.text += fmt::format(" ORDER BY id DESC LIMIT {}", limit);
      }));
      if (rows > 0) before_ = last_;
      progress_ = true;
      if (rows < asked) return {};
      if (time_is_up()) break;
    }
    page_.next = before_;
    return {};
  }

  Result<void> by_segment() {
    while (true) {
      const auto ranges = TRY(next_ranges());
      if (ranges.empty()) return {};
      for (std::size_t i = 0; i < ranges.size();) {
        const Range joined = join(ranges, i);
        TRY(look_through(joined));
        progress_ = true;
        if (wanted() == 0 || time_is_up()) {
          page_.next = before_;
          return {};
        }
      }
    }
  }

  // The segments below before_, newest first, each with the blocks of its filter that the tokens name.
  Statement segments_statement() const {
    const bool sqlite = database_.dialect() == db::Dialect::sqlite;
    Statement text;
    text.text = "SELECT id, COALESCE(first, id), day, rows";
    for (const std::uint64_t token : tokens_) {
      const std::string block =
          fmt::format("substr(filter, CAST((CAST({} AS BIGINT) % (length(filter) / 64)) * 64 + 1 AS INTEGER), 64)",
                      text.value(block_number(token)));
      text.text += ", " + (sqlite ? "hex(" + block + ")" : block);
    }
    text.text += fmt::format(" FROM result_segment WHERE COALESCE(first, id) < {}",
                             text.value(((before_ - 1) >> kSegmentBits) + 1));
    if (filter_.from) text.text += " AND last_received_at >= " + text.value(filter_.from->ms);
    if (filter_.to) text.text += " AND first_received_at < " + text.value(filter_.to->ms);
    // Those that have been seen need not be passed again.
    text.text += " AND id < " + text.value(below_segment_);
    text.text += fmt::format(" ORDER BY id DESC LIMIT {}", segments_of_step_);
    return text;
  }

  Result<std::vector<Range>> next_ranges() {
    return database_.read_within(time_left(), [&](soci::session& sql) {
      auto text = segments_statement();
      std::vector<Range> ranges;
      std::int64_t id = 0, first = 0;
      Range range;
      std::vector<db::Bytes> blocks(tokens_.size());
      std::vector<soci::indicator> has_filter(tokens_.size());
      soci::statement statement(sql);
      statement.exchange(soci::into(id));
      statement.exchange(soci::into(first));
      statement.exchange(soci::into(range.day));
      statement.exchange(soci::into(range.rows));
      for (std::size_t i = 0; i < blocks.size(); ++i) statement.exchange(soci::into(blocks[i], has_filter[i]));
      text.bind(statement);
      statement.alloc();
      statement.prepare(text.text, soci::details::st_one_time_query);
      statement.define_and_bind();
      statement.execute();
      std::int64_t below = below_segment_;
      while (statement.fetch()) {
        below = id;
        range.from = first_row_of(first);
        range.to = last_row_of(id);
        Range& added = ranges.emplace_back(range);
        for (std::size_t i = 0; i < blocks.size(); ++i)
          if (has_filter[i] == soci::i_ok && !may_have(blocks[i].value, tokens_[i])) added.rows = 0;
      }
      below_segment_ = below;
      segments_of_step_ = std::min(segments_of_step_ * 4, kMostSegments);
      return ranges;
    });
  }

  // The range at `i`, and what follows it as far as one statement may look; `i` is moved behind them.
  Range join(const std::vector<Range>& ranges, std::size_t& i) {
    Range joined = ranges[i++];
    const bool skipped = joined.rows == 0;
    while (i < ranges.size() && (ranges[i].rows == 0) == skipped && ranges[i].day == joined.day &&
           joined.rows + ranges[i].rows <= rows_of_statement_) {
      joined.from = std::min(joined.from, ranges[i].from);
      joined.rows += ranges[i].rows;
      ++i;
    }
    if (!skipped) rows_of_statement_ = std::min(rows_of_statement_ * 2, kMostRows);
    return joined;
  }

  Result<void> look_through(const Range& range) {
    while (range.rows > 0 && wanted() > 0 && before_ > range.from) {
      const std::size_t asked = wanted();
      const std::size_t rows = TRY(take([&](Statement& statement, std::size_t limit) {
        statement.text = fmt::format("SELECT {} FROM result_line WHERE day = {}", kColumns, range.day);
        statement.text += fmt::format(" AND id BETWEEN {}", statement.value(range.from));
        statement.text += fmt::format(" AND {}", statement.value(std::min(range.to, before_ - 1)));
        statement.text += conditions_.text(statement, true);
        statement.text += fmt::format(" ORDER BY id DESC LIMIT {}", limit);
      }));
      if (rows < asked) break;
      before_ = last_;
      if (wanted() == 0 || time_is_up()) return {};
    }
    before_ = std::min(before_, range.from);
    return {};
  }

  // Of all rows stored within the time asked for, as many as among those passed.
  Result<void> estimate() {
    page_.exact = !page_.next;
    page_.estimate = static_cast<std::int64_t>(page_.lines.size());
    if (page_.exact || page_.lines.empty()) return {};
    return database_.read_within(time_left(), [&](soci::session& sql) {
      const std::int64_t from = filter_.from ? filter_.from->ms : INT64_MIN;
      const std::int64_t to = filter_.to ? filter_.to->ms : INT64_MAX;
      const std::int64_t segment = before_ >> kSegmentBits;
      long long all = 0, passed = 0;
      sql << "SELECT CAST(COALESCE(sum(rows), 0) AS BIGINT), "
             "CAST(COALESCE(sum(CASE WHEN id >= :segment THEN rows ELSE 0 END), 0) AS BIGINT) "
             "FROM result_segment WHERE last_received_at >= :from AND first_received_at < :to",
          soci::use(segment), soci::use(from), soci::use(to), soci::into(all), soci::into(passed);
      if (passed > 0)
        page_.estimate =
            std::max(page_.estimate, static_cast<std::int64_t>(static_cast<double>(page_.lines.size()) *
                                                               static_cast<double>(all) / static_cast<double>(passed)));
    });
  }

  db::Database& database_;
  Filter filter_;
  const Conditions conditions_;
  Tokens tokens_;
  std::int64_t before_;  // rows from here on have been looked at
  const bool first_page_;
  const std::size_t limit_;
  const steady_clock::time_point end_;
  std::int64_t below_segment_ = INT64_MAX;
  std::size_t segments_of_step_ = kFirstSegments;
  std::int64_t rows_of_statement_ = kFirstRows;
  std::int64_t last_ = 0;
  bool progress_ = false;
  Page page_;
};

// The most common of them; those that come too late to be counted are left out.
class Tally {
 public:
  void add(std::string_view value) {
    constexpr std::size_t kValues = 20'000;
    const auto found = counts_.find(value);
    if (found != counts_.end())
      ++found->second;
    else if (counts_.size() < kValues)
      counts_.emplace(value.substr(0, 1024), 1);
  }
  std::vector<Facets::Value> top(std::size_t most) const {
    std::vector<Facets::Value> all;
    for (const auto& [value, lines] : counts_) all.push_back({value, lines});
    std::ranges::stable_sort(all, std::ranges::greater{}, &Facets::Value::lines);
    if (all.size() > most) all.resize(most);
    return all;
  }

 private:
  std::map<std::string, std::int64_t, std::less<>> counts_;
};

bool holds(const ValueMatch& match, const std::vector<std::pair<std::string, std::string>>& columns) {
  return std::ranges::any_of(columns, [&](const auto& column) {
    if (column.first != match.column) return false;
    return match.how == ValueMatch::How::equals ? column.second == match.value
                                                : column.second.find(match.value) != std::string::npos;
  });
}

template <class T>
bool one_of(const std::vector<T>& values, const T& value) {
  return values.empty() || std::ranges::find(values, value) != values.end();
}

}  // namespace

bool matches(const Filter& filter, const Line& line) {
  const Row& row = line.row;
  if ((row.kind == Kind::status) != filter.status && row.kind != Kind::raw) return false;
  if (!one_of(filter.hosts, line.host) || !one_of(filter.queries, row.name) || !one_of(filter.actions, row.action))
    return false;
  if (!row.name.starts_with(filter.query_prefix)) return false;
  if (filter.least_severity && row.severity < *filter.least_severity) return false;
  if ((filter.from && line.received < *filter.from) || (filter.to && line.received >= *filter.to)) return false;
  if (!filter.text.empty() && row.columns.find(json_inner(filter.text)) == std::string::npos) return false;
  if (filter.values.empty()) return true;
  if (row.kind == Kind::raw) return false;
  const auto columns = columns_of(row.columns);
  return std::ranges::all_of(filter.values, [&](const ValueMatch& match) { return holds(match, columns); });
}

Result<Page> search(db::Database& database, const Filter& filter, std::optional<std::int64_t> before, std::size_t limit,
                    milliseconds time) {
  return Search(database, filter, before, limit, time).run();
}

Result<Facets> facets(db::Database& database, const Filter& filter, const FacetOptions& options) {
  constexpr std::size_t kPage = 5000;
  const auto end = steady_clock::now() + options.time;
  Facets facets;
  Tally hosts, queries, actions;
  std::map<std::string, Tally> columns;
  std::optional<std::int64_t> before;
  do {
    const std::size_t most = std::min(kPage, options.most_lines - static_cast<std::size_t>(facets.lines));
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    const Page page = TRY(search(database, filter, before, most, left));
    for (const Line& line : page.lines) {
      ++facets.lines;
      facets.since = line.received;
      hosts.add(fmt::format("{}", line.host));
      queries.add(line.row.name);
      actions.add(name_of(line.row.action));
      if (options.columns.empty()) continue;
      for (const auto& [column, value] : columns_of(line.row.columns))
        if (std::ranges::find(options.columns, column) != options.columns.end()) columns[column].add(value);
    }
    before = page.next;
  } while (before && facets.lines < static_cast<std::int64_t>(options.most_lines) && steady_clock::now() < end);
  if (!before) facets.since.reset();
  facets.hosts = hosts.top(options.top);
  facets.queries = queries.top(options.top);
  facets.actions = actions.top(options.top);
  for (const auto& [column, tally] : columns) facets.columns[column] = tally.top(options.top);
  return facets;
}

}  // namespace osprey::server::results
