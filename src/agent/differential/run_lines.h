// RunLines: a run's lines, rendered into records while its rows come. What is more than a batch is staged in the log
// buffer, so that no more than that is held.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/differential/differential.h"
#include "agent/logging/log_buffer.h"
#include "protocol/result_line.h"

namespace osprey::agent {

class RunLines {
 public:
  // `plan` and `context` must outlive it.
  RunLines(LogBuffer& buffer, const RunPlan& plan, const RunContext& context, const DifferentialOptions& options,
           std::uint64_t counter);

  // Whether removed rows are told at all.
  bool wants_removed() const noexcept { return plan_.log && plan_.removed; }
  Result<void> removed(std::string_view row);
  // An added row, or one of a snapshot.
  Result<void> added(std::string_view row);
  // Commits the lines and `state` together; where there are neither, nothing. `even_empty`: in the formats of one line
  // a run there is a line also when it has no rows.
  Result<void> commit(store::Batch state, bool even_empty);

 private:
  using Part = StagedLines::Part;
  // The records of removed rows, or those of the others.
  struct Section {
    LineRecord current;
    std::vector<LineRecord> full;
  };

  void start();
  LineRecord record(bool continues) const;
  void close(Section& section);
  Result<void> close_if_full(Section& section);
  Result<void> stage_full();
  void finish_line();
  std::vector<LineRecord> take_all();

  LogBuffer& buffer_;
  const RunPlan& plan_;
  const RunContext& context_;
  const DifferentialOptions& options_;
  std::uint64_t counter_;
  // None before the first line.
  std::variant<std::monostate, protocol::EventLines, protocol::BatchLine, protocol::SnapshotLine> lines_;
  Section removed_;
  Section added_;
  std::size_t held_ = 0;  // bytes in full records
  std::unique_ptr<StagedLines> staged_;
};

}  // namespace osprey::agent
