// From the records of the rings (programs/wire.h) to typed events.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "events/bpf/dns.h"
#include "events/bpf/programs/wire.h"
#include "events/source.h"
#include "events/watch/watch_patterns.h"

namespace osprey::events::bpf {

class Decoder {
 public:
  explicit Decoder(WatchPatterns::Meaning meaning = WatchPatterns::Meaning::exact) : meaning_(meaning) {}

  // What of the demand decides how a record is told: environment, forks, kinds, watched files. Whether watched() is
  // another one.
  bool set(const Demand& demand);
  // What the paths begin with that are watched for accesses.
  std::vector<std::string> watched() const { return patterns_.bases(); }
  struct Counts {
    std::uint64_t unwatched = 0;  // records of files that no pattern matches
    std::uint64_t repeated = 0;   // events more than records: a category of a file, a question of a segment each
    std::uint64_t cut = 0;        // segments that had more questions than are looked at
  };
  const Counts& counts() const noexcept { return counts_; }
  // What is under way: questions to name servers, connections.
  void forget();

  // Gives what a record says to the sink. Empty: it is none of ours; else how many records that is: 1, or for
  // name servers, where a question is kept until its answer comes, as many as have been told.
  std::optional<std::size_t> give(std::span<const std::byte> record, EventSink& sink);
  // Gives the questions that nobody has answered before `moment`; how many there were.
  std::size_t give_unanswered(std::uint64_t moment, EventSink& sink);
  // Takes the first record off what the iterator over processes wrote; the actor's texts look into it and last until
  // the next call. False: it is cut short.
  bool take_task(std::span<const std::byte>& records, Actor& actor);

  // Closes of connections that it has not told of, or not lately: nobody knows whose they were. They give no event.
  std::uint64_t unattributed() const noexcept { return unattributed_; }
  // CLOCK_BOOTTIME of the newest event, nanoseconds.
  std::uint64_t newest() const noexcept { return newest_; }

 private:
  // A socket's cookie and the question's number.
  using Asked = std::pair<std::uint64_t, std::uint16_t>;
  struct Question {
    wire_dns wire{};
    std::string query, type;
    bool first = true;  // of its segment
  };

  std::size_t told(std::map<Asked, Question>::iterator question, const DnsMessage* answer, std::uint64_t moment,
                   EventSink& sink);
  std::optional<std::size_t> dns(std::span<const std::byte> record, EventSink& sink);
  std::size_t asked(const wire_dns& wire, const DnsMessage& message, bool first, EventSink& sink);
  bool socket(std::span<const std::byte> record, EventSink& sink);
  void remember(const wire_socket& wire);
  std::optional<std::size_t> closed(std::span<const std::byte> record, EventSink& sink);
  std::optional<std::size_t> open(std::span<const std::byte> record, EventSink& sink);
  bool unix_socket(std::span<const std::byte> record, EventSink& sink);
  bool signal(std::span<const std::byte> record, EventSink& sink);
  bool call(std::span<const std::byte> record, EventSink& sink);
  bool exec(std::span<const std::byte> record, EventSink& sink);
  void give_rights_of(const wire_exec& wire, const Actor& actor, EventSink& sink);
  bool fork(std::span<const std::byte> record, EventSink& sink);
  bool exit(std::span<const std::byte> record, EventSink& sink);

  std::vector<std::string> environment_;  // "NAME="
  bool forks_ = false;
  bool exits_ = false;
  bool privileges_ = false;
  WatchPatterns::Meaning meaning_;
  std::vector<WatchedCategory> categories_;  // with accesses
  WatchPatterns patterns_;                   // of these
  Counts counts_;
  std::uint64_t newest_ = 0;
  wire_task task_{};
  std::map<Asked, Question> questions_;
  std::deque<std::pair<std::uint64_t, Asked>> asked_;  // by moment; also of those that have been answered since
  struct Opener {
    wire_actor actor{};
    std::uint64_t moment = 0;
    bool inbound = false;
  };
  bool closes_ = false;
  std::unordered_map<std::uint64_t, Opener> open_;  // connections, by the socket's cookie
  std::deque<std::uint64_t> opened_;                // their order; also of those that have been closed since
  std::uint64_t unattributed_ = 0;
  // What the views of the event that is being given look into.
  std::string path_, cwd_, cgroup_, cmdline_;
  std::array<std::string, 3> peers_;
};

}  // namespace osprey::events::bpf
