#include <cstddef>
#include <cstdint>

#include "base/text.h"
#include "events/audit/decode.h"
#include "events/journal/record.h"

namespace {

using namespace osprey;
using namespace osprey::events;

class Encoding final : public EventSink {
 public:
  void take(AnyEvent event) override {
    record_.clear();
    std::visit([this](auto* one) { encode(*one, record_); }, event);
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

 private:
  std::string record_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  audit::AuditOptions options;
  options.sockets = options.unix_sockets = options.failed_calls = options.failed_socket_events = true;
  options.fork_process_events = options.kill_process_events = options.file_events = options.show_accesses = true;
  options.selinux_events = options.apparmor_events = options.seccomp_events = true;
  Demand demand;
  demand.kinds.set();
  demand.execs = demand.forks = demand.kills = true;
  demand.watched.push_back({"all", {"/tmp/%%"}, {}, true});
  Encoding sink;
  audit::Decoder decoder(options, "", {});
  decoder.demand(demand);
  audit::Reassembly reassembly([&](const audit::RecordGroup& group) { decoder.decode(group, sink); },
                               {.events = 16, .bytes = 64 << 10, .bytes_of_event = 16 << 10, .expiry = 2000});
  for (const auto line : Lines(std::string_view(reinterpret_cast<const char*>(data), size)))
    if (const auto record = audit::parse_log_line(line)) reassembly.add(*record);
  reassembly.flush();
  return 0;
}
