// Query rules: which hosts are to be asked them, and what becomes of what they answer.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "server/agents/query_source.h"
#include "server/db/group_commit.h"
#include "server/hosts/rounds.h"
#include "server/tags/records.h"
#include "server/tags/rule_tags.h"
#include "server/tags/rules.h"

namespace osprey::server::tags {

// Thread-safe. Several servers on one database tell each other on kChannel which hosts have answered.
class QueryRules {
 public:
  static constexpr std::string_view kPrefix = "tag:";  // of the queries' names
  static constexpr std::string_view kChannel = "tags";

  // What it is given outlives it. `sender`: this server's name in what it tells others.
  QueryRules(const Services& services, const RuleBook& book, RuleTags& given, const std::string& sender,
             std::chrono::seconds refresh)
      : services_(services),
        hosts_(hosts::service(services)),
        book_(book),
        given_(given),
        sender_(sender),
        rounds_(refresh) {}

  // When hosts were last asked, from the database. Before everything else.
  Result<void> start();

  // As an agents::QuerySource.
  bool has(hosts::HostId host) const;
  void take(hosts::HostId host, std::vector<agents::Ask>& asks);
  void accept(hosts::HostId host, const std::vector<agents::Answer>& answers,
              std::function<void(const Result<void>&)> done);

  // Hosts that have not answered the rules of this revision are asked now.
  void hurry(std::int64_t revision);
  // Hosts that are new, or enrolled anew, are asked at once; those that are gone are forgotten.
  void take_in(const std::unordered_set<hosts::HostId>& changed);
  // What another server told, behind its name: hosts have answered there.
  void heard(std::string_view rounds);

  Service::Evaluated evaluated(hosts::HostId host) const;
  Service::Counts counts() const;

 private:
  // What a host answered to the rules.
  struct Evaluation {
    struct Verdict {
      TagId tag = 0;
      bool has = false;
      std::string error;  // instead
    };
    Round round;  // revision 0: a rule changed meanwhile, it is to be asked again
    std::vector<Verdict> verdicts;
    std::size_t bytes() const noexcept { return sizeof *this + verdicts.size() * sizeof(Verdict); }
  };

  static Evaluation::Verdict verdict_of(TagId tag, const agents::Answer& answer);
  Result<void> keep(std::span<Evaluation> items);
  static void write(soci::session& sql, const Evaluation& item);
  void tell(db::Transaction& transaction, std::span<Evaluation> items) const;
  void wake(const std::vector<hosts::HostId>& hosts) const;

  const Services& services_;
  hosts::Service& hosts_;
  const RuleBook& book_;
  RuleTags& given_;
  const std::string& sender_;
  hosts::Rounds rounds_;
  std::atomic<std::uint64_t> ended_{0}, failed_answers_{0}, dropped_answers_{0};
  std::unique_ptr<db::GroupCommit<Evaluation>> evaluations_;  // its thread uses what stands above
};

}  // namespace osprey::server::tags
