// Session: one run of the program. Commands register themselves on the parser and leave what is to be done in `run`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "ctl/api.h"
#include "ctl/output.h"
#include "ctl/settings.h"
#include "ctl/terminal.h"

namespace osprey::ctl {

// Exit statuses.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;      // an error; of diff: something differs
inline constexpr int kIncomplete = 2;  // of live: some hosts failed or did not answer; of diff: an error
inline constexpr int kInterrupted = 130;

class Session {
 public:
  Terminal terminal;
  Format format = Format::table;
  std::string server_flag;
  std::string authority_flag;
  std::function<Result<int>()> run;  // what the command line asks for
  int error_status = kFailed;
  const CLI::App* root = nullptr;

  // The settings in force.
  Result<Settings> settings() const;
  // To the server of the settings, with their token; the same from then on.
  Result<Api*> api();
  // Without a token.
  Result<Api> anonymous(const Settings& settings) const;

  // Of a list that the server gives page by page; `most` of 0: all.
  Result<int> list(std::initializer_list<std::string_view> path, const Parameters& parameters,
                   const std::vector<Column>& columns, std::int64_t most = 0);
  // Of a list that the server gives in one piece.
  Result<int> list_whole(const std::string& target, const std::vector<Column>& columns);
  Result<int> show_list(const json::array& items, const std::vector<Column>& columns);
  // What the server exports there, as it comes, in the format of this run; for a table JSON lines.
  Result<int> pass_on(std::initializer_list<std::string_view> path, Parameters parameters);
  // One thing: YAML, or JSON where that is wanted.
  Result<int> show(const json::value& thing);
  Result<int> say(std::string_view done);

  // Asks, unless `yes`. An error where the answer is no.
  Result<void> confirmed(bool yes, const std::string& question) const;

  // Set by SIGINT once catch_interrupts() was called; the second signal ends the program at once.
  static const Interrupt& interrupt();
  static void catch_interrupts();

 private:
  std::optional<Api> api_;
};

// A command: its callback leaves `run`.
CLI::App* command(CLI::App& parent, Session& session, const std::string& name, const std::string& help,
                  std::function<Result<int>()> run);
// A command that only groups others.
CLI::App* group(CLI::App& parent, const std::string& name, const std::string& help);

// What `name` names, in words with the nearest that there is.
std::unexpected<Error> there_is_no(std::string_view what, std::string_view name,
                                   const std::vector<std::string>& candidates);

// A host by name, identifier, UUID or number.
Result<json::value> find_host(Api& api, const std::string& name);
Result<std::vector<std::int64_t>> host_numbers(Api& api, const std::vector<std::string>& names);
// The one of `items` whose `name` this is, or whose number.
Result<json::value> find_named(const json::array& items, std::string_view what, const std::string& name);
Result<json::value> find_tag(Api& api, const std::string& name);

// "30s", "10m", "2h", "7d", "90" in seconds.
Result<std::int64_t> duration_seconds(const std::string& text);
// The other way round, in the two largest units: "9m59s".
std::string duration_text(std::int64_t seconds);
// Seconds since 1970 of a time in RFC 3339, UTC.
std::optional<std::int64_t> seconds_of(std::string_view time);
// RFC 3339, so many seconds from now on.
std::string time_from_now(std::int64_t seconds);

}  // namespace osprey::ctl
