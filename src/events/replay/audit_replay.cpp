#include "events/replay/audit_replay.h"

namespace osprey::events {

AuditReplay::AuditReplay(std::string path, audit::AuditOptions options)
    : path_(std::move(path)),
      options_(std::move(options)),
      decoder_(options_, {}, {}),
      reassembly_([this](const audit::RecordGroup& group) {
        if (sink_) decoder_.decode(group, *sink_);
      }) {}

Result<void> AuditReplay::open(const Demand& demand) {
  decoder_.demand(demand);
  if (!lines_) lines_ = TRY(audit::LogReader::follow(path_, false));
  return {};
}

Result<bool> AuditReplay::next(EventSink& sink, std::size_t most) {
  if (!lines_) return failure(path_, "is not open");
  sink_ = &sink;
  const auto before = decoder_.kept();
  bool more = true;
  while (more && decoder_.kept() - before < most) {
    const auto line = lines_->next();
    if (!line) {
      sink_ = nullptr;
      return std::unexpected(line.error());
    }
    more = !line->empty();
    if (const auto record = audit::parse_log_line(*line)) reassembly_.add(*record);
  }
  if (!more) reassembly_.flush();
  sink_ = nullptr;
  return more;
}

SourceCounts AuditReplay::counts() const {
  SourceCounts counts;
  counts.kept = decoder_.kept();
  counts.filtered = decoder_.filtered();
  return counts;
}

}  // namespace osprey::events
