// Table: a scan of handles and a list of columns. How to write one: docs/tables-howto.md, or copy
// tables/network/etc_hosts.cpp.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sql/column.h"
#include "sql/rows.h"
#include "sql/scan.h"

namespace osprey::sql {

// Immutable once built; shared by all connections and threads.
class Table {
 public:
  // Where a table's rows come from, and so which roots it can be asked about.
  enum class Source : std::uint8_t {
    root,  // files below a Root, /proc and /sys among them
    host,  // what no Root carries: system calls, netlink, D-Bus. Refuses any root but the host's
  };

  std::string name;
  std::string help;
  std::vector<Column> columns;
  std::vector<std::string> aliases;   // other names of the table
  std::vector<std::string> examples;  // queries, the first also shown where a required column is missing
  std::string note;                   // what a reader should know, such as what proves the table
  Source source = Source::root;
  bool user_based = false;        // asked without a user it warns and answers for the current one only
  bool cacheable = false;         // osquery's attribute, kept for the registry
  bool event_subscriber = false;  // likewise
  bool utility = false;           // likewise
  // Of a table that is made while the program runs: what its scan is about (Scan::subject); else null.
  std::shared_ptr<const void> subject;

  const Column* column(std::string_view name) const noexcept;
  // Whether the column, or one of which it is another name, is among those in use, told as SQLite does
  // (sqlite3_index_info.colUsed): a bit each, the last for every column from the 64th on.
  bool in_use(std::uint64_t used, std::string_view name) const noexcept;
  // Runs the scan; `scan` must outlive the rows.
  AnyRows rows(const Scan& scan) const { return start_(scan, scan_); }

 private:
  template <class Handle>
  friend class TableBuilder;
  void (*scan_)() = nullptr;
  AnyRows (*start_)(const Scan&, void (*)()) = nullptr;
};

// osquery's column that looks through a process's eyes, and the one that says which namespace that was.
inline constexpr std::string_view kPidWithNamespace = "pid_with_namespace";
inline constexpr std::string_view kMountNamespaceId = "mount_namespace_id";

template <class Handle>
class TableBuilder {
 public:
  TableBuilder(std::string_view name, std::string_view help, Rows<Handle> (*scan)(const Scan&)) {
    table_.name = name;
    table_.help = help;
    table_.scan_ = reinterpret_cast<void (*)()>(scan);
    table_.start_ = [](const Scan& context, void (*function)()) {
      return reinterpret_cast<Rows<Handle> (*)(const Scan&)>(function)(context).erase();
    };
  }

  // A column of osquery's schema, with the type declared there.
  template <Type type, class F>
  TableBuilder&& column(std::string_view name, TypeTag<type>, F accessor, std::string_view help,
                        Option options = Option::none) && {
    using Value = std::invoke_result_t<F, Handle&>;
    static_assert(fills<Value>(type), "this accessor's value cannot fill a column of the declared type");
    add(name, type, Accessor::of<Handle>(accessor), help, options);
    return std::move(*this);
  }
  // A column of our own, its type that of the accessor.
  template <class F>
    requires std::invocable<F, Handle&>
  TableBuilder&& column(std::string_view name, F accessor, std::string_view help, Option options = Option::none) && {
    using Value = std::invoke_result_t<F, Handle&>;
    add(name, deduced_type<Value>(), Accessor::of<Handle>(accessor), help, options);
    return std::move(*this);
  }
  // Columns that several tables have: `add` appends them.
  template <class Add>
  TableBuilder&& columns(const Add& add) && {
    return add(std::move(*this));
  }
  // Another, hidden name for a column.
  TableBuilder&& column_alias(std::string_view alias, std::string_view target) && {
    Column column = *table_.column(target);
    column.alias_of = std::exchange(column.name, std::string(alias));
    column.options = Option::hidden;
    table_.columns.push_back(std::move(column));
    return std::move(*this);
  }
  // Hidden columns that osquery has for other platforms: always NULL here, so that queries naming them still run.
  template <Type type>
  TableBuilder&& foreign(TypeTag<type>, std::initializer_list<std::string_view> names,
                         Option options = Option::none) && {
    for (const auto name : names) {
      add(name, type, {}, "Another platform's column, always NULL on Linux.", HIDDEN | options);
      table_.columns.back().source = Column::Source::foreign;
    }
    return std::move(*this);
  }
  // Adds `pid_with_namespace`: the table can be asked about the mount namespace of a process.
  TableBuilder&& in_mount_namespaces() && {
    add(kPidWithNamespace, Type::integer, {}, "Look through the eyes of the process with this id.",
        ADDITIONAL | HIDDEN);
    table_.columns.back().source = Column::Source::pid_with_namespace;
    return std::move(*this);
  }
  // Adds `mount_namespace_id`: the inode of the mount namespace that was looked into.
  TableBuilder&& with_mount_namespace_id() && {
    add(kMountNamespaceId, Type::text, {}, "Inode of the mount namespace that was looked into.", HIDDEN);
    table_.columns.back().source = Column::Source::mount_namespace_id;
    return std::move(*this);
  }
  TableBuilder&& host_only() && {
    table_.source = Table::Source::host;
    return std::move(*this);
  }
  TableBuilder&& user_based() && {
    table_.user_based = true;
    return std::move(*this);
  }
  TableBuilder&& cacheable() && {
    table_.cacheable = true;
    return std::move(*this);
  }
  TableBuilder&& utility() && {
    table_.utility = true;
    return std::move(*this);
  }
  TableBuilder&& event_subscriber() && {
    table_.event_subscriber = true;
    return std::move(*this);
  }
  TableBuilder&& about(std::shared_ptr<const void> subject) && {
    table_.subject = std::move(subject);
    return std::move(*this);
  }
  TableBuilder&& alias(std::string_view name) && {
    table_.aliases.emplace_back(name);
    return std::move(*this);
  }
  TableBuilder&& example(std::string_view query) && {
    table_.examples.emplace_back(query);
    return std::move(*this);
  }
  TableBuilder&& note(std::string_view text) && {
    table_.note = text;
    return std::move(*this);
  }

  // Not inlined: GCC 12 sees moves out of bounds (-Warray-bounds) in the strings of a long table.
  [[gnu::noinline]] operator Table() && { return std::move(table_); }  // NOLINT: the builder's end is the table

 private:
  void add(std::string_view name, Type type, Accessor accessor, std::string_view help, Option options) {
    Column column;
    column.name = name;
    column.type = type;
    column.help = help;
    column.options = options;
    column.accessor = accessor;
    table_.columns.push_back(std::move(column));
  }

  Table table_;
};

template <class Handle>
TableBuilder<Handle> table(std::string_view name, std::string_view help, Rows<Handle> (*scan)(const Scan&)) {
  return TableBuilder<Handle>(name, help, scan);
}

}  // namespace osprey::sql
