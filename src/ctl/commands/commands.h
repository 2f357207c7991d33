// The command families; each adds its commands to the parser.
#pragma once

#include "ctl/session.h"

namespace osprey::ctl {

void add_login(CLI::App& app, Session& session);
void add_live(CLI::App& app, Session& session);
void add_hosts(CLI::App& app, Session& session);
void add_tags(CLI::App& app, Session& session);
void add_items(CLI::App& app, Session& session);
void add_folder(CLI::App& app, Session& session);
void add_results(CLI::App& app, Session& session);
void add_carves(CLI::App& app, Session& session);
void add_secrets(CLI::App& app, Session& session);
void add_totp(CLI::App& app, Session& session);
void add_users(CLI::App& app, Session& session);
void add_activity(CLI::App& app, Session& session);
void add_export(CLI::App& app, Session& session);
void add_completion(CLI::App& app, Session& session);

}  // namespace osprey::ctl
