// What the server's parts count, by the names that it has on /metrics.
#pragma once

#include "server/agents/counts.h"
#include "server/db/database.h"
#include "server/hosts/service.h"
#include "server/http/listener.h"
#include "server/live/live.h"
#include "server/metrics.h"
#include "server/results/results.h"

namespace osprey::server {

void add_counts(Metrics& made, const http::ListenerCounts& counts);
void add_counts(Metrics& made, const agents::Counts& counts);
void add_counts(Metrics& made, const hosts::Service::Counts& counts);
void add_counts(Metrics& made, const results::Counts& counts);
void add_counts(Metrics& made, const live::Counts& counts);
void add_counts(Metrics& made, const db::Database::Counts& counts);

}  // namespace osprey::server
