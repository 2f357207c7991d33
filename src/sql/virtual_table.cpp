#include "sql/virtual_table.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "base/text.h"
#include "sql/connection.h"

namespace osprey::sql {
namespace {

// What xBestIndex tells xFilter of one constraint: argv[i] belongs to plan.arguments[i].
struct Argument {
  std::size_t column;
  unsigned char op;
  bool list;  // an IN list, walked with sqlite3_vtab_in_first()
};
struct Plan {
  std::uint64_t columns_used = 0;
  std::vector<Argument> arguments;
};
// idxNum.
enum PlanFlag { kMissingRequired = 1, kMissingUser = 2 };

std::string encode(const Plan& plan) {
  auto text = fmt::format("{:x}", plan.columns_used);
  for (const auto& one : plan.arguments) text += fmt::format(";{} {} {}", one.column, one.op, one.list ? 1 : 0);
  return text;
}

Plan decode(std::string_view text) {
  Plan plan;
  plan.columns_used = parse<std::uint64_t>(take_until(text, ';'), 16).value_or(~std::uint64_t{0});
  while (!text.empty()) {
    auto one = take_until(text, ';');
    const auto number = [&] { return parse<unsigned>(take_field(one)).value_or(0); };
    Argument argument{};
    argument.column = number();
    argument.op = static_cast<unsigned char>(number());
    argument.list = number() != 0;
    plan.arguments.push_back(argument);
  }
  return plan;
}

bool is_numeric(Type type) { return type != Type::text && type != Type::blob; }

}  // namespace

// The bridge's own part of a table on one connection. SQLite's part comes first, as its C interface asks.
struct VirtualTable : sqlite3_vtab {
  VirtualTable(Connection& of, const Table& what) : sqlite3_vtab{}, connection(of), table(what) {}

  // Makes `text` the error that SQLite reports next.
  int fail(int code, const std::string& text) {
    sqlite3_free(zErrMsg);
    zErrMsg = sqlite3_mprintf("%s", text.c_str());
    return code;
  }

  // To whoever listens (Connection::on_planned_read).
  void tell_planned_read(sqlite3_index_info* info) const {
    if (!connection.planned_read_) return;
    PlannedRead read{.table = table, .columns = info->colUsed, .constants = {}};
    for (int i = 0; i < info->nConstraint; ++i) {
      const auto& constraint = info->aConstraint[i];
      if (constraint.op != SQLITE_INDEX_CONSTRAINT_EQ || !constraint.usable || constraint.iColumn < 0) continue;
      const auto& column = table.columns[static_cast<std::size_t>(constraint.iColumn)];
      sqlite3_value* value = nullptr;
      if (column.type != Type::text || std::string_view(sqlite3_vtab_collation(info, i)) != "BINARY" ||
          sqlite3_vtab_rhs_value(info, i, &value) != SQLITE_OK || sqlite3_value_type(value) != SQLITE_TEXT)
        continue;
      const auto* const text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      read.constants.emplace_back(column.name, std::string(text, static_cast<std::size_t>(sqlite3_value_bytes(value))));
    }
    connection.planned_read_(read);
  }

  Connection& connection;
  const Table& table;
};

// Runs `body`, which returns an SQLite result code: no exception may cross SQLite's frames.
template <class F>
static int guarded(VirtualTable& table, F&& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (const std::exception& exception) {
    return table.fail(SQLITE_ERROR, fmt::format("table {}: {}", table.table.name, exception.what()));
  } catch (...) {
    return table.fail(SQLITE_ERROR, fmt::format("table {}: unknown exception", table.table.name));
  }
}

// Fills a Scan from what SQLite hands to xFilter.
class ScanBuilder {
 public:
  explicit ScanBuilder(Scan& scan) : scan_(scan) {}

  // False when no row can match, because something is asked to equal NULL.
  bool add(const Argument& argument, sqlite3_value* value) {
    if (argument.op == SQLITE_INDEX_CONSTRAINT_LIMIT) {
      scan_.limit_ = sqlite3_value_int64(value);
      return true;
    }
    if (argument.op != SQLITE_INDEX_CONSTRAINT_EQ) {
      if (auto key = this->key(value)) scan_.comparisons_.push_back({argument.column, argument.op, std::move(*key)});
      return true;
    }
    std::vector<Key> keys;
    const auto take = [&](sqlite3_value* one) {
      if (auto key = this->key(one)) keys.push_back(std::move(*key));
    };
    if (argument.list) {
      sqlite3_value* element = nullptr;
      for (int rc = sqlite3_vtab_in_first(value, &element); rc == SQLITE_OK && element;
           rc = sqlite3_vtab_in_next(value, &element))
        take(element);
    } else {
      take(value);
    }
    std::ranges::sort(keys);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    for (auto& known : scan_.equalities_) {
      if (known.column != argument.column) continue;
      std::vector<Key> both;
      std::ranges::set_intersection(known.keys, keys, std::back_inserter(both));
      known.keys = std::move(both);
      return !known.keys.empty();
    }
    scan_.equalities_.push_back({argument.column, std::move(keys)});
    return !scan_.equalities_.back().keys.empty();
  }

 private:
  static std::optional<Key> key(sqlite3_value* value) {
    switch (sqlite3_value_type(value)) {
      case SQLITE_INTEGER:
        return Key(static_cast<std::int64_t>(sqlite3_value_int64(value)));
      case SQLITE_FLOAT:
        return Key(sqlite3_value_double(value));
      case SQLITE_NULL:
        return std::nullopt;
      default: {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
        return Key(std::string(bytes ? bytes : "", static_cast<std::size_t>(sqlite3_value_bytes(value))));
      }
    }
  }

  Scan& scan_;
};

// One scan of a table under way: SQLite's cursor. The coroutine reads the Scan and is destroyed before it.
class Cursor : public sqlite3_vtab_cursor {
 public:
  explicit Cursor(VirtualTable& table) : sqlite3_vtab_cursor{}, table_(table) {}

  int filter(int flags, const Plan& plan, sqlite3_value** values) {
    const Table& table = table_.table;
    rows_ = AnyRows();
    handle_ = nullptr;
    if (flags & kMissingRequired) {
      if (compatible()) warn_as_osquery(missing_required());
      return table_.fail(SQLITE_CONSTRAINT, missing_required());
    }
    const Connection& connection = table_.connection;
    if (table.source == Table::Source::host && !connection.options_.root.is_host())
      return table_.fail(SQLITE_ERROR, fmt::format("table {} asks the running kernel and services, which another "
                                                   "root does not carry; ask it about the host",
                                                   table.name));
    if (flags & kMissingUser) warn_of_missing_user();
    scan_ = Scan();
    scan_.table_ = &table;
    scan_.interrupt_ = &connection.interrupt_;
    scan_.services_ = connection.options_.services ? connection.options_.services : &connection.no_services_;
    scan_.warnings_ = &table_.connection.warnings_;
    scan_.osquery_compatible_ = connection.options_.osquery_compatible;
    scan_.columns_used_ = plan.columns_used;
    ScanBuilder builder(scan_);
    for (std::size_t i = 0; i < plan.arguments.size(); ++i)
      if (!builder.add(plan.arguments[i], values[i])) return SQLITE_OK;

    namespaces_.clear();
    next_namespace_ = 0;
    if (const auto pids = scan_.integers(kPidWithNamespace)) {
      for (const auto pid : *pids) namespaces_.push_back(static_cast<pid_t>(pid));
    } else {
      namespaces_.push_back(0);
    }
    return next();
  }

  int next() {
    Connection& connection = table_.connection;
    for (;;) {
      if (connection.interrupt_.requested()) return SQLITE_INTERRUPT;
      handle_ = rows_.next();
      if (handle_) {
        ++connection.rows_scanned_;
        connection.scanning_ = table_.table.name;
        // SQLite itself asks only every few hundred rows, which may take a minute where a row costs a long read.
        if (connection.progress_) connection.progress_();
        return SQLITE_OK;
      }
      // A scan that was interrupted ends early; its rows must not pass for all of them.
      if (connection.interrupt_.requested()) return SQLITE_INTERRUPT;
      if (!scan_.refusal_.empty())
        return table_.fail(SQLITE_CONSTRAINT, fmt::format("table {} {}", table_.table.name, scan_.refusal_));
      if (next_namespace_ == namespaces_.size()) return SQLITE_OK;
      enter(namespaces_[next_namespace_++]);
    }
  }

  bool at_end() const { return handle_ == nullptr; }

  void column(sqlite3_context* context, std::size_t index) const {
    put_value(table_.table.columns[index], Output(context, scan_));
  }

  // The same for the same row in each scan: SQLite reads the sides of an OR one after the other and leaves out those
  // of the second that the first had.
  sqlite3_int64 row() const {
    RowHash hash;
    const auto& columns = table_.table.columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      hash.add(i);  // NULL adds nothing
      if (columns[i].alias_of.empty()) put_value(columns[i], Output(hash, scan_));
    }
    return static_cast<sqlite3_int64>(hash.value());
  }

 private:
  void put_value(const Column& column, const Output& output) const {
    switch (column.source) {
      case Column::Source::handle:
        column.accessor(handle_, column.type, output);
        break;
      case Column::Source::pid_with_namespace:
        output.integer(scan_.namespace_pid_);
        break;
      case Column::Source::mount_namespace_id:
        if (scan_.namespace_pid_ > 0) put(output, column.type, mount_namespace(scan_.namespace_pid_));
        break;
      case Column::Source::foreign:
        break;
    }
  }

  // Starts the scan in the mount namespace of `pid`, 0 for this root itself. One that cannot be looked into has no
  // rows.
  void enter(pid_t pid) {
    rows_ = AnyRows();
    scan_.namespace_pid_ = pid;
    if (pid == 0) {
      root_ = table_.connection.options_.root;
    } else {
      auto root = table_.connection.options_.root.of_process(pid);
      if (!root) return scan_.warn(root.error());
      root_ = std::move(*root);
    }
    scan_.root_ = &*root_;
    rows_ = table_.table.rows(scan_);
  }

  Result<std::string> mount_namespace(pid_t pid) const {
    const auto link = fmt::format("/proc/{}/ns/mnt", pid);
    std::array<char, 64> target;
    const auto length = ::readlink(link.c_str(), target.data(), target.size());
    if (length < 0) return system_failure(link);
    std::string_view text(target.data(), static_cast<std::size_t>(length));  // mnt:[4026531841]
    take_until(text, '[');
    return std::string(take_until(text, ']'));
  }

  bool compatible() const { return table_.connection.options_.osquery_compatible; }

  // A warning in osquery's two lines.
  void warn_as_osquery(std::string text) {
    auto& warnings = table_.connection.warnings_;
    warnings.add({}, Error{0, {}, std::move(text)});
    warnings.add({},
                 Error{0, {}, "Please see the table documentation: https://osquery.io/schema/#" + table_.table.name});
  }

  void warn_of_missing_user() {
    const auto& name = table_.table.name;
    if (compatible())
      return warn_as_osquery(
          fmt::format("The {} table returns data based on the current user by default, consider "
                      "JOINing against the users table",
                      name));
    table_.connection.warnings_.add(
        name, Error{0,
                    {},
                    "asked without a uid it answers for the current user only; to see every user: "
                    "SELECT * FROM users JOIN " +
                        name + " USING (uid)"});
  }

  std::string missing_required() const {
    const Table& table = table_.table;
    std::string names;
    std::string first;
    for (const auto& column : table.columns) {
      if (!has(column.options, REQUIRED)) continue;
      if (first.empty()) first = column.name;
      names += (names.empty() ? "" : " or ") + column.name;
    }
    const auto example =
        table.examples.empty() ? fmt::format("SELECT * FROM {} WHERE {} = '…'", table.name, first) : table.examples[0];
    if (compatible())
      return fmt::format("Table {} was queried without a required column in the WHERE clause", table.name);
    return fmt::format("table {} needs a constraint on {}, for example: {}", table.name, names, example);
  }

  VirtualTable& table_;
  Scan scan_;
  std::optional<Root> root_;
  AnyRows rows_;  // after scan_ and root_: destroyed before them
  void* handle_ = nullptr;
  std::vector<pid_t> namespaces_;
  std::size_t next_namespace_ = 0;
};

static std::string columns_of(const Table& table) {
  std::string text;
  for (const auto& column : table.columns) {
    text += fmt::format("{}`{}` {}", text.empty() ? "" : ", ", column.name, sql_name(column.type));
    if (has(column.options, HIDDEN)) text += " HIDDEN";
    if (has(column.options, NOCASE)) text += " COLLATE NOCASE";
    if (has(column.options, VERSION)) text += " COLLATE VERSION";
    if (has(column.options, VERSION_ARCH)) text += " COLLATE VERSION_ARCH";
    if (has(column.options, VERSION_DPKG)) text += " COLLATE VERSION_DPKG";
    if (has(column.options, VERSION_RHEL)) text += " COLLATE VERSION_RHEL";
  }
  return text;
}

std::string declaration(const Table& table, std::string_view name) {
  const auto any = [&](Option option) {
    return std::ranges::any_of(table.columns, [&](const Column& column) { return has(column.options, option); });
  };
  const bool keyed = any(INDEX), additional = any(ADDITIONAL);
  std::string key;
  for (const auto& column : table.columns)
    if (keyed ? has(column.options, INDEX | ADDITIONAL) : additional && column.alias_of.empty())
      key += fmt::format("{}`{}`", key.empty() ? "" : ", ", column.name);
  return fmt::format("CREATE TABLE {}({}{}", name, columns_of(table),
                     key.empty() ? ")" : fmt::format(", PRIMARY KEY ({})) WITHOUT ROWID", key));
}

namespace {

struct ModuleContext {
  Connection& connection;
  std::string name;
  const Table* (*find)(Connection&, std::string_view);
};

VirtualTable& self(sqlite3_vtab* table) { return *static_cast<VirtualTable*>(table); }
Cursor& self(sqlite3_vtab_cursor* cursor) { return *static_cast<Cursor*>(cursor); }

int connect(sqlite3* database, void* context, int, const char* const*, sqlite3_vtab** out, char** error) noexcept {
  try {
    const auto& module = *static_cast<ModuleContext*>(context);
    const Table* table = module.find(module.connection, module.name);
    if (!table) {
      *error = sqlite3_mprintf("no such table: %s", module.name.c_str());
      return SQLITE_ERROR;
    }
    // Without the key: SQLite would take it as unique and never NULL, and drop DISTINCT and IS NULL for it.
    const auto sql = fmt::format("CREATE TABLE x({})", columns_of(*table));
    if (const int rc = sqlite3_declare_vtab(database, sql.c_str()); rc != SQLITE_OK) {
      *error = sqlite3_mprintf("%s: %s", sqlite3_errmsg(database), sql.c_str());
      return rc;
    }
    *out = new VirtualTable(module.connection, *table);
    return SQLITE_OK;
  } catch (...) {
    return SQLITE_NOMEM;
  }
}

int disconnect(sqlite3_vtab* table) noexcept {
  delete &self(table);
  return SQLITE_OK;
}

// Costs are in rows read, roughly: a look-up by an indexed key next to nothing, a walk of the whole a million.
int best_index(sqlite3_vtab* base, sqlite3_index_info* info) noexcept {
  VirtualTable& virtual_table = self(base);
  return guarded(virtual_table, [&] {
    virtual_table.tell_planned_read(info);
    const Table& table = virtual_table.table;
    constexpr double kFull = 1e6;
    constexpr double kImpossible = 1e15;
    Plan plan;
    plan.columns_used = info->colUsed;
    double cost = kFull;
    bool required_present = false;
    bool required_unusable = false;
    bool user_present = false;
    bool user_unusable = false;
    bool all_consumed = true;  // nothing but the limit: SQLite drops no row that we yield
    int limit = -1;

    const auto push = [&](int i, std::size_t column, unsigned char op, bool list) {
      plan.arguments.push_back({column, op, list});
      info->aConstraintUsage[i].argvIndex = static_cast<int>(plan.arguments.size());
    };
    for (int i = 0; i < info->nConstraint; ++i) {
      const auto& constraint = info->aConstraint[i];
      if (constraint.op == SQLITE_INDEX_CONSTRAINT_LIMIT) {
        if (constraint.usable) limit = i;
        continue;
      }
      all_consumed = false;
      if (constraint.iColumn < 0 || constraint.op == SQLITE_INDEX_CONSTRAINT_OFFSET) continue;
      const auto index = static_cast<std::size_t>(constraint.iColumn);
      const Column& column = table.columns[index];
      const bool equals = constraint.op == SQLITE_INDEX_CONSTRAINT_EQ;
      const bool pattern = constraint.op == SQLITE_INDEX_CONSTRAINT_LIKE ||
                           constraint.op == SQLITE_INDEX_CONSTRAINT_GLOB ||
                           constraint.op == SQLITE_INDEX_CONSTRAINT_REGEXP;
      const bool range = constraint.op == SQLITE_INDEX_CONSTRAINT_GT || constraint.op == SQLITE_INDEX_CONSTRAINT_GE ||
                         constraint.op == SQLITE_INDEX_CONSTRAINT_LT || constraint.op == SQLITE_INDEX_CONSTRAINT_LE;
      const bool required = has(column.options, REQUIRED);
      const bool user = table.user_based && (column.name == "uid" || column.name == "username");
      if (!equals && !pattern && !range) continue;
      if (!constraint.usable) {
        required_unusable = required_unusable || required;
        user_unusable = user_unusable || user;
        continue;
      }
      if (!has(column.options, INDEX | ADDITIONAL | REQUIRED | PASSED)) continue;
      if (range && !is_numeric(column.type)) continue;
      // Text compared by another collation than the look-up's bytes must be left to SQLite.
      if (equals && !is_numeric(column.type) && std::string_view(sqlite3_vtab_collation(info, i)) != "BINARY") continue;
      const bool list = equals && sqlite3_vtab_in(info, i, 1) != 0;
      push(i, index, constraint.op, list);
      required_present = required_present || (required && (equals || pattern));
      user_present = user_present || (user && equals);
      if (!has(column.options, INDEX | ADDITIONAL | REQUIRED)) continue;
      if (equals)
        cost = std::min(cost, has(column.options, INDEX) ? 10.0 : 100.0) * (list ? 2 : 1);
      else
        cost = std::min(cost, pattern ? 1e4 : 1e5);
    }
    if (limit >= 0 && all_consumed && info->nOrderBy == 0) push(limit, 0, SQLITE_INDEX_CONSTRAINT_LIMIT, false);

    const bool has_required = std::ranges::any_of(table.columns, [](auto& c) { return has(c.options, REQUIRED); });
    if (has_required && !required_present) {
      // Another join order may bring the constraint; only if none can is the query at fault.
      if (required_unusable) return SQLITE_CONSTRAINT;
      info->idxNum |= kMissingRequired;
      cost = kImpossible;
    }
    if (table.user_based && !user_present) {
      info->idxNum |= kMissingUser;
      cost = user_unusable ? kImpossible : kFull;
    }
    info->estimatedCost = cost;
    info->estimatedRows = std::max<sqlite3_int64>(1, static_cast<sqlite3_int64>(std::min(cost, kFull) / 10));
    const auto encoded = encode(plan);
    info->idxStr = sqlite3_mprintf("%s", encoded.c_str());
    info->needToFreeIdxStr = 1;
    return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
  });
}

int open(sqlite3_vtab* base, sqlite3_vtab_cursor** out) noexcept {
  return guarded(self(base), [&] {
    *out = new Cursor(self(base));  // NOLINT(bugprone-unhandled-exception-at-new): guarded() turns it into NOMEM
    return SQLITE_OK;
  });
}

int close(sqlite3_vtab_cursor* cursor) noexcept {
  VirtualTable& table = self(cursor->pVtab);
  return guarded(table, [&] {
    delete &self(cursor);
    return SQLITE_OK;
  });
}

int filter(sqlite3_vtab_cursor* cursor, int flags, const char* plan, int, sqlite3_value** values) noexcept {
  return guarded(self(cursor->pVtab), [&] { return self(cursor).filter(flags, decode(plan), values); });
}

int next(sqlite3_vtab_cursor* cursor) noexcept {
  return guarded(self(cursor->pVtab), [&] { return self(cursor).next(); });
}

int eof(sqlite3_vtab_cursor* cursor) noexcept { return self(cursor).at_end() ? 1 : 0; }

int column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int index) noexcept {
  return guarded(self(cursor->pVtab), [&] {
    self(cursor).column(context, static_cast<std::size_t>(index));
    return SQLITE_OK;
  });
}

int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) noexcept {
  return guarded(self(cursor->pVtab), [&] {
    *out = self(cursor).row();
    return SQLITE_OK;
  });
}

// No xCreate: eponymous tables only, a query cannot make another.
constexpr sqlite3_module kModule = {
    .iVersion = 0,
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open,
    .xClose = close,
    .xFilter = filter,
    .xNext = next,
    .xEof = eof,
    .xColumn = column,
    .xRowid = rowid,
};

}  // namespace

int attach(Connection& connection, std::string_view name, const Table* (*find)(Connection&, std::string_view)) {
  auto* context = new ModuleContext{connection, std::string(name), find};
  return sqlite3_create_module_v2(connection.handle(), context->name.c_str(), &kModule, context,
                                  [](void* owned) { delete static_cast<ModuleContext*>(owned); });
}

}  // namespace osprey::sql
