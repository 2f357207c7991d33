#include "server/agents/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "base/json.h"

namespace osprey::server::agents {
namespace {

void add(Counts::Counter& counter, std::uint64_t by = 1) noexcept { counter.fetch_add(by, std::memory_order_relaxed); }

// The answer to a distributed read.
class ReadReply {
 public:
  void add(const Ask& ask) {
    append_member(queries_, ask.id, ask.sql);
    if (!ask.discovery.empty()) append_member(discovery_, ask.id, ask.discovery);
  }
  std::string text(std::uint32_t accelerate) const {
    std::string text = R"({"queries":{)" + queries_ + '}';
    if (!discovery_.empty()) text += R"(,"discovery":{)" + discovery_ + '}';
    if (accelerate != 0) text += fmt::format(R"(,"accelerate":{})", accelerate);
    return text + '}';
  }

 private:
  static void append_member(std::string& into, std::string_view name, std::string_view value) {
    if (!into.empty()) into += ',';
    append_json_string(into, name);
    into += ':';
    append_json_string(into, value);
  }
  std::string queries_;
  std::string discovery_;
};

}  // namespace

bool Sources::has(hosts::HostId host) const {
  for (const auto* source : sources_)
    if (source->has(host)) return true;
  return false;
}

std::string Sources::take(hosts::HostId host) {
  ReadReply reply;
  std::uint32_t most = 0;
  std::vector<Ask> asks;
  for (auto* source : sources_) {
    std::uint32_t accelerate = 0;
    asks.clear();
    source->take(host, asks, accelerate);
    for (const auto& ask : asks) reply.add(ask);
    add(counts_.queries_sent, asks.size());
    most = std::max(most, accelerate);
  }
  return reply.text(most);
}

void Sources::accept(hosts::HostId host, std::vector<Answer> answers, std::function<void(const Result<void>&)> done) {
  std::vector<std::vector<Answer>> by_source(sources_.size());
  for (auto& answer : answers) {
    const auto source =
        std::ranges::find_if(sources_, [&](auto* each) { return answer.id.starts_with(each->prefix()); });
    if (source == sources_.end())
      add(counts_.answers_unknown);
    else
      by_source[static_cast<std::size_t>(source - sources_.begin())].push_back(std::move(answer));
  }
  // The last of the sources to be done says so; this function if none has anything to do.
  struct Pending {
    std::mutex mutex;
    std::size_t left = 1;
    Result<void> outcome;
  };
  const auto pending = std::make_shared<Pending>();
  const auto one_done = [done = std::move(done), pending](const Result<void>& outcome) {
    {
      const std::lock_guard lock(pending->mutex);
      if (!outcome) pending->outcome = outcome;
      if (--pending->left > 0) return;
    }
    done(pending->outcome);
  };
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (by_source[i].empty()) continue;
    add(counts_.answers, by_source[i].size());
    {
      const std::lock_guard lock(pending->mutex);
      ++pending->left;
    }
    sources_[i]->accept(host, std::move(by_source[i]), one_done);
  }
  one_done({});
}

}  // namespace osprey::server::agents
