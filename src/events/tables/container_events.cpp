#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ContainerEvent>;

template <std::string_view ContainerEvent::* field>
std::string_view text(const Row& row) {
  return row.event.*field;
}

}  // namespace

Table container_events() {
  return with_time(event_table<ContainerEvent>("container_events", "Containers that started, were entered and ended."))
      .column("action", TEXT, text<&ContainerEvent::action>,
              "start: its first program ran; exec: a process came in from outside; die: its first process ended.")
      .column("container_id", TEXT, text<&ContainerEvent::container_id>, "Id of the container.")
      .column("engine", TEXT, text<&ContainerEvent::engine>, "docker, podman, containerd, crio…")
      .column("name", TEXT, text<&ContainerEvent::name>, "Its name, from the engine's files.")
      .column("image", TEXT, text<&ContainerEvent::image>, "Its image, likewise.")
      .column("pid", row::pid, "The process.")
      .column(
          "exit_code", INTEGER, [](const Row& row) { return row.event.exit_code; }, "Of die: how it ended.")
      .column("exe", row::path, "Executable of the process.")
      .column("cmdline", row::cmdline, "Its arguments, with a space between.")
      .column("uid", row::uid, "Its user.")
      .column("source", TEXT, row::origin, "Who told of the process: bpf, audit…")
      .column("process_key", TEXT, row::process_key, "The process, told from others with its pid: pid and start.",
              HIDDEN)
      .example("SELECT action, name, image, cmdline FROM container_events WHERE action = 'exec'")
      .note(
          "Told from the control groups of processes: no engine is asked. A container that ends before its files were "
          "read has neither name nor image.");
}

}  // namespace osprey::events::tables
