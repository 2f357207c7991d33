#include "server/metrics_of_slices.h"

namespace osprey::server {

void add_counts(Metrics& made, const http::ListenerCounts& counts) {
  made.counter("connections_accepted_total", "Connections that were accepted.", counts.accepted);
  made.counter("connections_refused_total", "Connections that were closed at once: too many.", counts.refused);
  made.counter("handshakes_total", "TLS handshakes that succeeded.", counts.handshakes);
  made.counter("handshakes_resumed_total", "Of these, sessions that were resumed.", counts.resumed);
  made.counter("handshake_failures_total", "TLS handshakes that failed.", counts.handshake_failures);
  made.counter("requests_total", "Requests on every path.", counts.requests);
  made.counter("request_errors_total", "Requests that were refused or failed.", counts.errors_4xx, {{"class", "4xx"}});
  made.counter("request_errors_total", "", counts.errors_5xx, {{"class", "5xx"}});
  made.counter("timeouts_total", "Connections that were too slow.", counts.timeouts);
  made.counter("received_bytes_total", "Bytes received.", counts.bytes_in);
  made.counter("sent_bytes_total", "Bytes sent.", counts.bytes_out);
  made.gauge("connections", "Connections that are open.", counts.connections);
  made.gauge("parked_requests", "Requests that wait for something.", counts.parked);
  made.gauge("streams", "Answers that are being streamed.", counts.streams);
  made.gauge("queued_requests", "Requests that wait for a worker.", counts.queued);
  made.gauge("body_bytes", "Bytes of bodies that are being read.", counts.body_bytes);
}

void add_counts(Metrics& made, const agents::Counts& counts) {
  for (std::size_t endpoint = 0; endpoint < agents::kEndpointNames.size(); ++endpoint)
    for (std::size_t outcome = 0; outcome < agents::kOutcomeNames.size(); ++outcome)
      made.counter("agent_requests_total", "Requests of agents.", counts.requests[endpoint][outcome],
                   {{"endpoint", agents::kEndpointNames[endpoint]}, {"outcome", agents::kOutcomeNames[outcome]}});
  made.counter("agent_key_look_ups_total", "Node keys that memory did not know.", counts.key_look_ups);
  made.counter("agent_configurations_unchanged_total", "Configurations that the host had already.",
               counts.configs_unchanged);
  made.counter("agent_lines_total", "Log lines received.", counts.lines);
  made.counter("agent_lines_dropped_total", "Log lines that were no JSON object, or too long.", counts.lines_dropped);
  made.counter("agent_reads_empty_total", "Distributed reads with nothing to ask.", counts.reads_empty);
  made.counter("agent_reads_held_total", "Distributed reads that were held open.", counts.reads_held);
  made.counter("agent_reads_woken_total", "Of these, answered with a query.", counts.reads_woken);
  made.counter("agent_queries_total", "Queries sent to hosts.", counts.queries_sent);
  made.counter("agent_answers_total", "Answers to these.", counts.answers);
  made.counter("agent_answers_unknown_total", "Answers to queries that nobody asked.", counts.answers_unknown);
}

void add_counts(Metrics& made, const hosts::Service::Counts& counts) {
  made.counter("host_details_refreshed_total", "Hosts whose details came.", counts.refreshed);
  made.counter("host_details_failed_total", "Detail queries that failed on their hosts.", counts.failed_answers);
}

void add_counts(Metrics& made, const results::Counts& counts) {
  made.counter("result_lines_total", "Lines that were stored.", counts.lines);
  made.counter("result_rows_total", "Rows that they became.", counts.rows);
  made.counter("result_lines_raw_total", "Lines that are none of osquery's, kept as they came.", counts.raw);
  made.counter("result_commits_total", "Transactions that stored lines.", counts.commits);
  made.counter("result_batches_refused_total", "Batches refused: too much was waiting.", counts.refused);
  made.counter("result_batches_failed_total", "Batches that the database did not take.", counts.failed);
}

void add_counts(Metrics& made, const live::Counts& counts) {
  made.counter("live_asked_total", "Hosts that were asked a live query.", counts.asked);
  made.counter("live_answered_total", "Hosts that answered one.", counts.answered);
  made.counter("live_failed_total", "Of these, with an error.", counts.failed);
  made.counter("live_never_asked_total", "Answers to live queries that are none or have ended.", counts.never_asked);
  made.counter("live_rows_dropped_total", "Rows beyond what is kept of a host.", counts.rows_dropped);
  made.gauge("live_running", "Live queries that run.", counts.running);
  made.gauge("live_watchers", "Streams of live queries that are open.", counts.streams);
}

void add_counts(Metrics& made, const db::Database::Counts& counts) {
  made.counter("database_reads_total", "Reads of the database.", counts.reads);
  made.counter("database_writes_total", "Transactions.", counts.writes);
  made.counter("database_retries_total", "Reads and transactions that were run again.", counts.retries);
  made.counter("database_failures_total", "Reads and transactions that failed.", counts.failures);
  made.counter("database_wait_microseconds_total", "Time spent waiting for a connection.", counts.waits_us);
  made.gauge("database_connections", "Connections that are open.", counts.open);
  made.gauge("database_connections_in_use", "Of these, in use.", counts.in_use);
}

}  // namespace osprey::server
