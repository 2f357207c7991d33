#include "events/tables/table.h"

namespace osprey::events::tables {

Table container_events() {
  return event_table<ContainerEvent>(
             "container_events",
             "Containers that were made, started, were entered, renamed or paused, ended and were removed.")
      .columns(columns::when)
      .column(
          "action", TEXT, row::field<&ContainerEvent::action>,
          "In docker's words. create: it was made; start: its first program ran; exec: a process came in from outside "
          "(docker's exec_start); rename; pause and unpause, of docker's only; die: its first process ended; destroy: "
          "it was removed.")
      .column("container_id", TEXT, row::field<&ContainerEvent::container_id>, "Id of the container.")
      .column("engine", TEXT, row::field<&ContainerEvent::engine>, "docker, podman, containerd, crio…")
      .column("name", TEXT, row::field<&ContainerEvent::name>, "Its name, from the engine's files.")
      .column("image", TEXT, row::field<&ContainerEvent::image>, "Its image, likewise.")
      .column("pid", row::known_pid, "The process; NULL where engines tell.")
      .column("exit_code", INTEGER, row::field<&ContainerEvent::exit_code>, "Of die: how it ended.")
      .column("exe", row::path, "Executable of the process.")
      .column("cmdline", row::cmdline, "Its arguments, with a space between.")
      .column("uid", row::uid, "Its user.")
      .column(
          "source", TEXT, row::origin,
          "Who told: bpf, audit… of processes, engines (their files) of create, rename, pause, unpause and destroy.")
      .columns(columns::process_key)
      .example("SELECT action, name, image, cmdline FROM container_events WHERE action = 'exec'")
      .note(
          "Told from the control groups of processes and the folders that docker, podman, CRI-O, containerd and LXC "
          "keep: "
          "no engine is asked. A container that ends before its files were read has neither name nor image.");
}

}  // namespace osprey::events::tables
