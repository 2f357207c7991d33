// What osquery's tables of BPF share.
#pragma once

#include "events/tables/table.h"

namespace osprey::events::tables {

template <class Event>
bool is_from_bpf(const Event& event) {
  return event.header.origin == Origin::bpf;
}

namespace columns {

inline constexpr auto bpf_caller = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table)
      .column("tid", BIGINT, row::tid, "Thread id.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column("parent", BIGINT, row::parent, "Pid of the parent.")
      .column("uid", BIGINT, row::uid, "User id.")
      .column("gid", BIGINT, row::gid, "Group id.")
      .column(
          "cid", INTEGER, [](const Row& row) { return static_cast<std::uint32_t>(row.event.actor.cgroup_id); },
          "Control group id, cut to 32 bits.");
};

inline constexpr auto bpf_when = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table)
      .column(
          "ntime", TEXT, [](const Row& row) { return std::to_string(row.event.header.moment); },
          "When it happened, in nanoseconds since the machine was started.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL | HIDDEN)
      .column(
          "eid", INTEGER, [](const Row& row) { return row.place.eid; }, "Number of the event.", HIDDEN)
      .column("uptime", row::uptime, "When it happened, in seconds since the machine was started.", HIDDEN);
};

inline constexpr auto bpf_cgroup_id = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table).column(
      "cgroup_id", [](const Row& row) { return row.event.actor.cgroup_id; }, "Control group id.", HIDDEN);
};

inline constexpr auto bpf_attribution = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table).columns(container_and_unit).columns(ancestors).columns(process_key).columns(username);
};

}  // namespace columns

}  // namespace osprey::events::tables
