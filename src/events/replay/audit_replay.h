// AuditReplay: a recording of audit's records, told as the kernel's would be.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "events/audit/decode.h"
#include "events/audit/log_reader.h"
#include "events/audit/reassembly.h"
#include "events/source.h"

namespace osprey::events {

// Lines as auditd's log has them, and tests/events/audit/record writes them. Nothing is asked of this host: what an
// event lacks stays unknown.
class AuditReplay final : public Source {
 public:
  AuditReplay(std::string path, audit::AuditOptions options);

  Origin origin() const noexcept override { return Origin::audit; }
  Kinds offers() const override { return audit::offered(options_); }
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return -1; }
  // Says false at the end of the recording, when all of its events have been told.
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override { lines_.reset(); }

 private:
  const std::string path_;
  const audit::AuditOptions options_;
  audit::Decoder decoder_;
  audit::Reassembly reassembly_;
  EventSink* sink_ = nullptr;  // during next()
  std::unique_ptr<audit::LogReader> lines_;
};

}  // namespace osprey::events
