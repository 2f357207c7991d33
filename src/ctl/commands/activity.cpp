#include "ctl/commands/commands.h"

namespace osprey::ctl {

void add_activity(CLI::App& app, Session& session) {
  auto* activity = group(app, "activity", "Who did what and when");
  auto most = std::make_shared<std::int64_t>(100);
  command(*activity, session, "list", "The latest first",
          [&session, most] {
            return session.list({"activity"}, {},
                                {{"AT", "at"},
                                 {"WHO", "name"},
                                 {"DID", "verb"},
                                 {"WHAT", "subject"},
                                 {"ADDRESS", "address"},
                                 {"DETAILS", "details"}},
                                *most);
          })
      ->add_option("--most", *most, "No more than so many; 0: all")
      ->capture_default_str();
  command(*activity, session, "verify", "Whether it is as it was recorded", [&session]() -> Result<int> {
    auto* api = TRY(session.api());
    return session.show(TRY(api->get(path_of({"activity", "verification"}))));
  });

  auto query = std::make_shared<std::string>();
  command(app, session, "troubles", "Scheduled queries that hosts denylist, do not run or pay too much for",
          [&session, query] {
            if (!query->empty())
              return session.list({"query_troubles", "hosts"}, {{"query", *query}},
                                  {{"HOST", "name"},
                                   {"DENYLISTED", "denylisted"},
                                   {"OVERDUE", "overdue"},
                                   {"EXPENSIVE", "expensive"},
                                   {"RUNS", "runs"},
                                   {"LAST RUN", "run_at"},
                                   {"WALL MS", "wall_ms"},
                                   {"CPU MS", "cpu_ms"},
                                   {"MEMORY", "memory"}});
            return session.list_whole(path_of({"query_troubles"}), {{"QUERY", "query"},
                                                                    {"DENYLISTED", "denylisted"},
                                                                    {"OVERDUE", "overdue"},
                                                                    {"EXPENSIVE", "expensive"},
                                                                    {"WALL MS", "worst_wall_ms"},
                                                                    {"CPU MS", "worst_cpu_ms"},
                                                                    {"MEMORY", "worst_memory"}});
          })
      ->add_option("query", *query, "The hosts on which this one is in trouble");
}

}  // namespace osprey::ctl
