#include "agent/schedule/decorators.h"

#include <set>

namespace osprey::agent {
namespace {

// All of a source's decorators, in the order in which a later one's names win.
template <class F>
void for_each(const protocol::Decorators& decorators, F&& visit) {
  for (const auto& sql : decorators.load) visit(sql);
  for (const auto& [seconds, queries] : decorators.interval)
    for (const auto& sql : queries) visit(sql);
  for (const auto& sql : decorators.always) visit(sql);
}

}  // namespace

void Decorators::ask(const std::string& source, const std::vector<std::string>& queries,
                     const Configuration& configuration, QueryRunner& runner) {
  const std::string null_value(configuration.flags.text("nullvalue"));
  for (const auto& sql : queries) {
    protocol::Decorations answer;
    bool further_rows = false;
    std::size_t rows = 0;
    const auto done = runner.run(sql, budget_of(configuration.flags), [&](const sql::Statement& row) -> Result<void> {
      if (rows++ > 0) {
        further_rows = true;
        return failure({}, "more than one row");
      }
      for (std::size_t i = 0; i < row.size(); ++i)
        answer.insert_or_assign(std::string(row.column_name(i)),
                                row.type(i) == sql::ValueType::null ? null_value : std::string(row.text(i)));
      return {};
    });
    if (done.failure && done.failure->kind == QueryFailure::Kind::interrupted) return;
    if (further_rows)
      fault_(sql, "it has more than one row, of which only the first is used");
    else if (done.failure)
      fault_(sql, done.failure->message);
    std::lock_guard lock(mutex_);
    answers_.insert_or_assign(Key(source, sql), std::move(answer));
  }
}

void Decorators::load(const Configuration& configuration, QueryRunner& runner) {
  std::set<Key> wanted;
  for (const auto& [source, decorators] : configuration.decorators)
    for_each(decorators, [&, &origin = source](const auto& sql) { wanted.emplace(origin, sql); });
  {
    std::lock_guard lock(mutex_);
    std::erase_if(answers_, [&](const auto& one) { return !wanted.contains(one.first); });
  }
  for (const auto& [source, decorators] : configuration.decorators) ask(source, decorators.load, configuration, runner);
}

void Decorators::ask_intervals(const Configuration& configuration, const std::vector<std::uint64_t>& intervals,
                               QueryRunner& runner) {
  for (const auto& [source, decorators] : configuration.decorators)
    for (const auto seconds : intervals)
      if (const auto found = decorators.interval.find(seconds); found != decorators.interval.end())
        ask(source, found->second, configuration, runner);
}

protocol::Decorations Decorators::current(const Configuration& configuration, QueryRunner& runner) {
  for (const auto& [source, decorators] : configuration.decorators)
    ask(source, decorators.always, configuration, runner);
  return last(configuration);
}

protocol::Decorations Decorators::last(const Configuration& configuration) const {
  protocol::Decorations all;
  std::lock_guard lock(mutex_);
  for (const auto& [source, decorators] : configuration.decorators) {
    for_each(decorators, [&, &from = source](const auto& sql) {
      const auto answer = answers_.find(Key(from, sql));
      if (answer == answers_.end()) return;
      for (const auto& [name, value] : answer->second) all.insert_or_assign(name, value);
    });
  }
  return all;
}

}  // namespace osprey::agent
