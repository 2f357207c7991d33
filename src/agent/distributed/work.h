// DistributedWork: what the server asked and has not been told yet, in the store: a query from when it was read until
// the server has taken its answer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/limits/losses.h"
#include "base/result.h"
#include "store/store.h"

namespace osprey::agent {

struct Answer {
  int status = 0;  // 0: well, 1: failed, without rows
  std::string message;
  std::string stats = "{}";  // a JSON object
};

// A body of a distributed write, without node key, and whose answers it has.
struct AnswersBody {
  std::string members;
  std::vector<std::string> ids;
};

// Belongs to one thread. Rows come into the store piece by piece while a query runs, so that its memory is bounded;
// what a death leaves of an unfinished answer goes at the next start, and its query is there again.
class DistributedWork {
 public:
  using Queries = std::map<std::string, std::string, std::less<>>;  // SQL by id

  // Takes over what is in the store, which must outlive it as `losses` must.
  DistributedWork(store::Store& store, Losses& losses);

  // Whom these queries and answers are of. What another server asked is dropped: the same id may be another query here.
  void serve(const std::string& server);

  // Bytes of all rows that wait; what would exceed them is refused. 0: no bound.
  void set_cap(std::uint64_t bytes) { cap_ = bytes; }

  // Queries that are to be run; one of the same id is replaced.
  void accept(const Queries& queries);
  const Queries& pending() const noexcept { return pending_; }

  // Begins the answer to a query.
  void begin();
  // A row of it, a JSON object.
  Result<void> add(std::string_view row);
  // Ends it: the query is no longer pending, and an answer of the same id that still waits is replaced. `mark`, which
  // only erases, is written with it.
  void finish(const std::string& id, Answer answer, const store::Batch& mark = {});
  // Gives the answer up; the query stays pending.
  void give_up(const store::Batch& mark);

  // Whether answers wait to be sent.
  bool has_answers() const noexcept { return !answers_.empty(); }
  // The first of them, by id: as many as fit a body of a few megabytes, but one at least.
  Result<AnswersBody> next_body() const;
  // The server has these.
  void taken(const AnswersBody& body);
  // It will never have the largest of them: that becomes a failure.
  void fail_largest(const AnswersBody& body, std::string why);

 private:
  struct Waiting {
    Answer answer;
    std::uint64_t rows = 0;    // the number under which its pieces are stored
    std::uint64_t pieces = 0;  // of rows
    std::uint64_t bytes = 0;   // of them
  };

  void load_answers();
  void drop_orphans();
  void drop_first();
  void lose(std::uint64_t bytes, bool exact, const char* reason);

  store::Store& store_;
  Losses& losses_;
  std::string server_;  // empty: not known yet
  std::uint64_t cap_ = 0;
  Queries pending_;
  std::map<std::string, Waiting, std::less<>> answers_;
  std::uint64_t bytes_ = 0;  // of their rows
  std::uint64_t next_rows_ = 0;
  Waiting current_;
  std::string piece_;  // rows of it that are not in the store yet
};

}  // namespace osprey::agent
