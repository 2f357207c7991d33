// Watches: those who look at queries, each with a stream of what has been answered.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/live/live.h"

namespace osprey::server::live {

class Watches {
 public:
  // `streams`: how many there are, for /metrics.
  Watches(db::Database& database, Clock clock, std::atomic<std::int64_t>& streams)
      : database_(database), clock_(std::move(clock)), streams_(streams) {}

  // On any thread.
  void add(QueryId query, http::BodyStream stream);
  // One commit has brought answers to the query.
  void answered(QueryId query, std::int64_t batch);

  // On one thread.
  bool any() const;
  // Notices may have been missed: all is read again.
  void look_again();
  // Sends what is new and ends what is over.
  void serve();

 private:
  struct Watch {
    QueryId query = 0;
    http::BodyStream stream;
    std::unordered_map<hosts::HostId, std::int64_t> sent;  // the batch of the answer that was
    std::set<std::int64_t> batches;                        // to be read
    bool all = true;                                       // everything is to be read
    bool begun = false;
    bool last_look = false;  // the query has ended; what it left is being read once more
    Progress told;
    std::int64_t progress_at = 0;
    std::int64_t spoke_at = 0;
  };
  enum class Sent : std::uint8_t { gone, part, everything };

  void take_news();
  bool serve(Watch& watch) const;
  bool send_progress(Watch& watch, std::int64_t now) const;
  Sent send_answers(Watch& watch) const;
  Sent send_answers(Watch& watch, std::optional<std::int64_t> batch) const;

  db::Database& database_;
  const Clock clock_;
  std::atomic<std::int64_t>& streams_;
  mutable std::mutex mutex_;
  std::list<Watch> new_;
  std::vector<std::pair<QueryId, std::int64_t>> new_batches_;
  std::list<Watch> watches_;  // the one thread's own
};

}  // namespace osprey::server::live
