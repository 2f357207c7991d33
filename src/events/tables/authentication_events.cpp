#include <fmt/format.h>

#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<AuthenticationEvent>;

// The sender, as the kernel knows it; else as the line says.
std::optional<std::int64_t> pid(const Row& row) {
  const auto known = row::known_pid(row);
  return known ? known : row.event.told_pid;
}

std::string source(const Row& row) {
  return fmt::format("{}{}", row.event.source, row.event.verified ? "" : ", unverified");
}

}  // namespace

Table authentication_events() {
  return event_table<AuthenticationEvent>(
             "authentication_events",
             "Log-ins, proofs of identity and commands with others' rights, that succeeded or failed.")
      .columns(columns::when)
      .column("outcome", TEXT, row::field<&AuthenticationEvent::outcome>, "success or failure.")
      .column("service", TEXT, row::field<&AuthenticationEvent::service>, "sshd, sudo, su, login, polkit-1, cron…")
      .column("method", TEXT, row::field<&AuthenticationEvent::method>,
              "How: password, publickey…, the module of PAM (pam_unix), or pam as audit tells it.")
      .column("username", TEXT, row::field<&AuthenticationEvent::username>, "Who, as it was claimed.")
      .column("target_user", TEXT, row::field<&AuthenticationEvent::target_user>, "Whose rights were asked for.")
      .column("remote_address", TEXT, row::field<&AuthenticationEvent::remote_address>,
              "Address or name of the other side.")
      .column("remote_port", INTEGER, row::field<&AuthenticationEvent::remote_port>, "Its port.")
      .column("tty", TEXT, row::field<&AuthenticationEvent::tty>, "Terminal.")
      .column("pid", BIGINT, pid, "Who told: the daemon's process.")
      .column("uid", BIGINT, row::uid, "Its user; NULL where the kernel did not say.")
      .column("key_fingerprint", TEXT, row::field<&AuthenticationEvent::key_fingerprint>,
              "Of the key that was offered.")
      .column("command", TEXT, row::field<&AuthenticationEvent::command>, "What was to be run, or polkit's action.")
      .column("message", TEXT, row::field<&AuthenticationEvent::message>, "The line or record that says so.")
      .column(
          "source", TEXT, source,
          "journal, socket, pipe or audit; \", unverified\" behind it where the sender may be another than it says.")
      .column("container_id", TEXT, row::container_id, "Container of the process that told.")
      .column("unit", TEXT, row::unit, "Its systemd unit.")
      .columns(columns::ancestors)
      .column(
          "action", TEXT, row::field<&AuthenticationEvent::action>,
          "login, authentication, invalid_user, denied, locked, disconnect, session_open, session_close, command or "
          "password_change.")
      .column("times", BIGINT, row::field<&AuthenticationEvent::times>, "How often, where a line stands for several.",
              HIDDEN)
      .column("exe", TEXT, row::path, "Executable of the process that told.", HIDDEN)
      .columns(columns::process_key)
      .example(
          "SELECT remote_address, sum(times) FROM authentication_events WHERE service = 'sshd' AND action = "
          "'authentication' AND outcome = 'failure' AND method NOT LIKE 'pam%' GROUP BY remote_address")
      .note(
          "One log-in may give several rows: PAM's modules and the program tell of it each. Lines that no rule has are "
          "counted in partial of osquery_events. Audit's records are read where audit runs anyhow; what the log says "
          "too is told once.");
}

}  // namespace osprey::events::tables
