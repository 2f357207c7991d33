#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ContainerEvent>;

template <std::string_view ContainerEvent::* field>
std::string_view text(const Row& row) {
  return row.event.*field;
}

std::optional<std::int64_t> pid(const Row& row) {
  if (row.event.actor.process.pid == 0) return std::nullopt;
  return row.event.actor.process.pid;
}

}  // namespace

Table container_events() {
  return with_time(event_table<ContainerEvent>(
                       "container_events", "Containers that were made, started, were entered, ended and were removed."))
      .column(
          "action", TEXT, text<&ContainerEvent::action>,
          "In docker's words. create: it was made; start: its first program ran; exec: a process came in from outside "
          "(docker's exec_start); die: its first process ended; destroy: it was removed.")
      .column("container_id", TEXT, text<&ContainerEvent::container_id>, "Id of the container.")
      .column("engine", TEXT, text<&ContainerEvent::engine>, "docker, podman, containerd, crio…")
      .column("name", TEXT, text<&ContainerEvent::name>, "Its name, from the engine's files.")
      .column("image", TEXT, text<&ContainerEvent::image>, "Its image, likewise.")
      .column("pid", pid, "The process; of create and destroy NULL.")
      .column(
          "exit_code", INTEGER, [](const Row& row) { return row.event.exit_code; }, "Of die: how it ended.")
      .column("exe", row::path, "Executable of the process.")
      .column("cmdline", row::cmdline, "Its arguments, with a space between.")
      .column("uid", row::uid, "Its user.")
      .column("source", TEXT, row::origin,
              "Who told: bpf, audit… of processes, engines (their files) of create and destroy.")
      .column("process_key", TEXT, row::process_key, "The process, told from others with its pid: pid and start.",
              HIDDEN)
      .example("SELECT action, name, image, cmdline FROM container_events WHERE action = 'exec'")
      .note(
          "Told from the control groups of processes and the folders that docker, podman, CRI-O, containerd and LXC "
          "keep: "
          "no engine is asked. A container that ends before its files were read has neither name nor image.");
}

}  // namespace osprey::events::tables
