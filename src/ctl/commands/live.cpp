#include <fmt/format.h>

#include <ctime>
#include <thread>
#include <unordered_map>

#include "ctl/commands/commands.h"
#include "ctl/files.h"
#include "ctl/sse.h"

namespace osprey::ctl {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Target {
  std::vector<std::string> hosts, tags, platforms;
  bool all = false;

  void add_to(CLI::App& app) {
    app.add_flag("--all", all, "Every host");
    app.add_option("--host", hosts, "A host by name, identifier or number; may be said several times");
    app.add_option("--tag", tags, "Every host that has the tag; may be said several times");
    app.add_option("--platform", platforms, "Every host of the platform: debian, ubuntu…");
  }
};

Result<json::object> target_of(Api& api, const Target& target) {
  if (!target.all && target.hosts.empty() && target.tags.empty() && target.platforms.empty())
    return failure("", "say who is asked: --all, --host NAME, --tag TAG or --platform PLATFORM");
  const auto numbers = TRY(host_numbers(api, target.hosts));
  for (const auto& tag : target.tags) TRY(find_tag(api, tag));
  return json::object{{"hosts", json::array(numbers.begin(), numbers.end())},
                      {"tags", json::array(target.tags.begin(), target.tags.end())},
                      {"platforms", json::array(target.platforms.begin(), target.platforms.end())},
                      {"all", target.all}};
}

constexpr auto kPatience = 5min;       // with a server that is away
constexpr std::size_t kMostNamed = 8;  // hosts that a summary names for one reason

// Prints what a live query's stream tells, until it is done.
class Watch {
 public:
  Watch(Session& session, Api& api, std::int64_t id)
      : session_(session), api_(api), id_(std::to_string(id)), rows_(session.terminal, session.format) {}

  Result<int> run() {
    const auto followed = follow();
    session_.terminal.progress("");
    rows_.flush();
    if (!followed && !Session::interrupt().cancelled()) return std::unexpected(followed.error());
    if (!followed) TRY(cancel());
    rows_.finish();
    return TRY(summary());
  }

 private:
  // A stream that breaks is begun anew, from its start; an answer that has been shown is not shown again.
  Result<void> follow() {
    auto delay = 200ms;
    for (auto spoken = Clock::now();;) {
      EventReader reader;
      std::optional<Error> wrong;
      const auto before = seen_.size();
      const auto streamed = api_.stream(
          path_of({"live", id_, "events"}),
          [&](std::string_view bytes) {
            spoken = Clock::now();
            connected_ = true;
            auto more = reader.feed(bytes, [&](auto name, auto data) { return take(name, data); });
            if (!more) wrong = more.error();
            if (settled_) rows_.flush();
            session_.terminal.flush();
            return more && *more;
          },
          [&] { show_progress(); });
      connected_ = false;
      if (done_) return {};
      if (wrong) return std::unexpected(*wrong);
      if (Session::interrupt().requested()) return failure("", "interrupted");
      // What the server says is final; what happens on the way to it has the server's address as subject.
      const bool refused = !streamed && streamed.error().subject.empty();
      if (refused || Clock::now() - spoken > kPatience)
        return streamed ? failure("", "the server says nothing more") : streamed;
      if (seen_.size() > before) delay = 200ms;
      session_.terminal.progress("the connection broke; going on…");
      for (const auto end = Clock::now() + delay; Clock::now() < end && !Session::interrupt().requested();)
        std::this_thread::sleep_for(50ms);
      delay = std::min(delay * 2, 10'000ms);
    }
  }

  bool take(std::string_view name, std::string_view data) {
    boost::system::error_code failed;
    const auto event = json::parse(data, failed);
    if (failed) return true;
    if (name == "query") {
      query_ = event;
    } else if (name == "answer") {
      answer(event);
    } else if (name == "progress") {
      progress_ = event;
      // The first rows wait for this, half a second at most, so that the table's columns fit them all.
      settled_ = rows_.count() > 0;
    } else if (name == "done") {
      done_ = true;
    }
    return !done_;
  }

  void answer(const json::value& answer) {
    const auto number = number_at(answer, "host");
    const std::string at(text_at(answer, "answered_at"));
    if (std::exchange(seen_[number], at) == at) return;
    const std::string host(text_at(answer, "host_name"));
    const std::string message(text_at(answer, "message"));
    failures_.erase(number);  // it was asked again
    if (text_at(answer, "state") == "failed")
      failures_[number] = {host, message};
    else if (!message.empty())
      session_.terminal.note(fmt::format("{}: {}", host, message), Colour::yellow);
    if (const auto dropped = number_at(answer, "rows_dropped"); dropped > 0)
      session_.terminal.note(fmt::format("{}: {} more rows were not kept (--rows)", host, dropped), Colour::yellow);
    for (const auto& row : items_of(member_at(answer, "rows"))) add(answer, host, row);
  }

  void add(const json::value& answer, const std::string& host, const json::value& row) {
    std::vector<std::string> columns{"host_name"};
    std::vector<std::string> cells{host};
    if (const auto* object = row.if_object())
      for (const auto& member : *object) {
        columns.emplace_back(member.key());
        cells.push_back(cell_text(member.value()));
      }
    if (!rows_.add(columns, cells,
                   json::object{{"host", member_at(answer, "host")}, {"host_name", host}, {"columns", row}}))
      ++cut_rows_;
  }

  void show_progress() {
    if (!session_.terminal.error_is_terminal() || !connected_ || progress_.is_null()) return;
    const auto targeted = std::max<std::int64_t>(number_at(progress_, "targeted"), 1);
    const auto answered = number_at(progress_, "answered");
    const auto failed = number_at(progress_, "failed");
    constexpr std::int64_t kWidth = 24;
    const auto full = std::clamp<std::int64_t>(kWidth * (answered + failed) / targeted, 0, kWidth);
    std::string bar(static_cast<std::size_t>(full), '#');
    bar.append(static_cast<std::size_t>(kWidth - full), '.');
    session_.terminal.progress(
        fmt::format("[{}] {} of {} answered, {} failed{}; {} asked, {} waiting, {} rows; Ctrl-C ends", bar, answered,
                    number_at(progress_, "targeted"), failed, time_left(), number_at(progress_, "asked"),
                    number_at(progress_, "waiting"), rows_.count()));
  }

  // Nothing where the clocks here and there tell something impossible.
  std::string time_left() const {
    const auto begun = seconds_of(text_at(query_, "created_at"));
    const auto end = seconds_of(text_at(query_, "expires_at"));
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    if (!begun || !end || now < *begun || now > *end) return "";
    return fmt::format(", {} left", duration_text(*end - now));
  }

  Result<void> cancel() {
    api_.set_stop(Interrupt::never());
    session_.terminal.note("cancelling; once more leaves at once", Colour::yellow);
    const auto cancelled = api_.post(path_of({"live", id_, "cancel"}));
    if (!cancelled) session_.terminal.note(cancelled.error().text(), Colour::red);
    const auto stands = TRY(api_.get(path_of({"live", id_})));
    progress_ = member_at(stands, "progress");
    interrupted_ = true;
    return {};
  }

  Result<int> summary() {
    auto& terminal = session_.terminal;
    const auto count = [&](std::string_view name) { return number_at(progress_, name); };
    const auto failed = count("failed");
    const auto missing = count("expired") + count("cancelled") + count("waiting") + count("asked");
    std::map<std::string, std::vector<std::string>> reasons;
    for (const auto& [number, failure] : failures_) reasons[failure.message].push_back(failure.host);
    for (const auto& [message, hosts] : reasons) terminal.note(blame(message, hosts), Colour::red);
    if (missing > 0) TRY(name_missing());
    if (cut_rows_ > 0)
      terminal.note(fmt::format("{} rows had columns that the first had not; --format jsonl has all", cut_rows_),
                    Colour::yellow);
    terminal.note(fmt::format("{} of {} hosts answered, {} failed, {} did not answer; {} rows (live query {})",
                              count("answered"), count("targeted"), failed, missing, rows_.count(), id_),
                  failed + missing == 0 ? Colour::green : Colour::yellow);
    if (interrupted_) return kInterrupted;
    return failed + missing == 0 ? kDone : kIncomplete;
  }

  static std::string blame(const std::string& why, const std::vector<std::string>& hosts) {
    std::string names;
    for (std::size_t i = 0; i < hosts.size() && i < kMostNamed; ++i) names.append(i == 0 ? "" : ", ").append(hosts[i]);
    if (hosts.size() > kMostNamed) names += fmt::format(" and {} more", hosts.size() - kMostNamed);
    return fmt::format("{}: {}", names, why.empty() ? "failed" : why);
  }

  Result<void> name_missing() {
    for (const auto* state : {"expired", "cancelled"}) {
      std::vector<std::string> names;
      TRY(api_.each({"live", id_, "hosts"}, {{"state", state}}, [&](const json::value& host) {
        names.emplace_back(text_at(host, "host_name"));
        return true;
      }));
      if (!names.empty())
        session_.terminal.note(blame(fmt::format("{} before an answer", state), names), Colour::yellow);
    }
    return {};
  }

  struct Failure {
    std::string host, message;
  };

  Session& session_;
  Api& api_;
  const std::string id_;
  Rows rows_;
  json::value query_, progress_;
  std::unordered_map<std::int64_t, std::string> seen_;  // when its answer came, by host
  std::map<std::int64_t, Failure> failures_;            // by host
  std::size_t cut_rows_ = 0;
  bool connected_ = false;
  bool settled_ = false;
  bool done_ = false;
  bool interrupted_ = false;
};

Result<int> ask_again(Session& session, std::int64_t id) {
  auto* api = TRY(session.api());
  const auto answer = TRY(api->post(path_of({"live", std::to_string(id), "ask_again"})));
  const auto hosts = number_at(answer, "hosts");
  if (hosts == 0) return session.say("nobody is asked again: no host has failed, or was asked and has not answered");
  return session.say(fmt::format("{} hosts are asked again; what they answer: ospreyctl live watch {}", hosts, id));
}

struct Question {
  std::string sql, name, expire = "10m";
  std::int64_t rows = 1000;
  bool no_check = false;
  Target target;
};

Result<int> ask_hosts(Session& session, const Question& question) {
  if (question.sql.empty())
    return failure("", "what is asked? ospreyctl live \"SELECT …\" --all; see ospreyctl live --help");
  auto* api = TRY(session.api());
  json::object body{{"sql", question.sql == "-" ? TRY(read_file("-")) : question.sql},
                    {"name", question.name},
                    {"rows_a_host", question.rows},
                    {"check", !question.no_check}};
  body["target"] = TRY(target_of(*api, question.target));
  body["expires_in_s"] = TRY(duration_seconds(question.expire));
  const auto asked = TRY(api->post(path_of({"live"}), body));
  return Watch(session, *api, number_at(asked, "id")).run();
}

const std::vector<Column> kQueryColumns{{"ID", "id"},         {"STATE", "state"}, {"CREATED", "created_at"},
                                        {"BY", "created_by"}, {"NAME", "name"},   {"SQL", "sql"}};
const std::vector<Column> kHostColumns{{"HOST", "host_name"},       {"STATE", "state"},    {"ASKED", "asked_at"},
                                       {"ANSWERED", "answered_at"}, {"ROWS", "row_count"}, {"MESSAGE", "message"}};

}  // namespace

void add_live(CLI::App& app, Session& session) {
  auto question = std::make_shared<Question>();
  auto* live = command(app, session, "live", "Asks hosts a query now; rows come while others still answer",
                       [&session, question] { return ask_hosts(session, *question); });
  live->add_option("sql", question->sql, "One SELECT; - reads it from standard input");
  question->target.add_to(*live);
  live->add_option("--name", question->name, "What people call it");
  live->add_option("--expire", question->expire, "How long hosts may answer, those that are away now included")
      ->capture_default_str();
  live->add_option("--rows", question->rows, "Rows kept of each host")->capture_default_str();
  live->add_flag("--no-check", question->no_check, "Not held against our agents' schema: others have other tables");
  live->footer(
      "Ends with 0 if all answered, 2 if some failed or did not answer in time, 1 for an error. Ctrl-C cancels.\n\n"
      "Examples:\n"
      "  ospreyctl live \"SELECT pid, name FROM processes WHERE name = 'sshd'\" --all\n"
      "  ospreyctl live \"SELECT * FROM os_version\" --tag web --platform debian --format csv > versions.csv\n"
      "  ospreyctl live \"SELECT * FROM uptime\" --host web-1 --host web-2 --expire 1d");

  command(*live, session, "list", "Live queries, the newest first", [&session] {
    constexpr std::int64_t kMost = 100;
    return session.list({"live"}, {}, kQueryColumns, kMost);
  });
  auto id = std::make_shared<std::int64_t>(0);
  auto* show = command(*live, session, "show", "How each host stands to a live query", [&session, id]() -> Result<int> {
    auto* api = TRY(session.api());
    const auto number = std::to_string(*id);
    const auto stands = TRY(api->get(path_of({"live", number})));
    if (session.format == Format::table) TRY(session.show(stands));
    return session.list({"live", number, "hosts"}, {}, kHostColumns);
  });
  auto* watch = command(*live, session, "watch", "The rows of a live query, of one that has ended too",
                        [&session, id]() -> Result<int> {
                          auto* api = TRY(session.api());
                          return Watch(session, *api, *id).run();
                        });
  auto* cancel = command(*live, session, "cancel", "Ends a live query", [&session, id]() -> Result<int> {
    auto* api = TRY(session.api());
    TRY(api->post(path_of({"live", std::to_string(*id), "cancel"})));
    return session.say("cancelled");
  });
  auto* again = command(*live, session, "again", "Asks hosts once more that failed or have not answered",
                        [&session, id] { return ask_again(session, *id); });
  auto* exported = command(*live, session, "export", "All rows of the answers, as jsonl, json or csv (--format)",
                           [&session, id] { return session.pass_on({"live", std::to_string(*id), "export"}, {}); });
  exported->footer(
      "By host: number, name, state, message, columns. A host that failed or did not answer has a row that says "
      "why.\n\n"
      "Example:\n  ospreyctl live export 7 --format csv > answers.csv");
  for (auto* each : {show, watch, cancel, again, exported}) each->add_option("id", *id, "Its number")->required();
}

}  // namespace osprey::ctl
