// The functions that parse text, called through SQLite: three arguments separated by newlines, bound as text.
#include <sqlite3.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "sql/functions/functions.h"

namespace {

constexpr std::array<const char*, 13> kQueries = {
    "select split(?1, ?2, ?3)",
    "select regex_match(?1, ?2, ?3)",
    "select regex_split(?1, ?2, ?3)",
    "select concat_ws(?1, ?2, ?3)",
    "select inet_aton(?1), in_cidr_block(?1, ?2)",
    "select community_id_v1(?1, ?2, 1, 2, 6)",
    "select conditional_to_base64(?1), md5(?1), sha1(?1), sha256(?1)",
    "select from_base64(?1) where from_base64(to_base64(?2)) is not ?2",
    "select version_compare(?1, ?2, ?3), version_compare(?1, ?2)",
    "select ?1 < ?2 collate version_dpkg, ?1 < ?2 collate version_rhel, ?1 < ?2 collate version_arch",
    "select parent_directory(?1), is_path_deterministic(?1, ?2, ?3)",
    "select find_file_path_in_cmd(?1, ?2)",
    "select power(?1, ?2), ceil(?3), sqrt(?1)",
};
constexpr std::size_t kBase64RoundTrip = 7;

// Two connections with everything prepared, one of each kind; they live as long as the process.
class Prepared {
 public:
  explicit Prepared(bool osquery_compatible) {
    options_.osquery_compatible = osquery_compatible;
    options_.warn = [](const std::string&) {};
    sqlite3_open(":memory:", &connection_);
    osprey::sql::register_functions(connection_, options_);
    for (std::size_t i = 0; i < kQueries.size(); ++i) {
      if (sqlite3_prepare_v2(connection_, kQueries[i], -1, &statements_[i], nullptr) != SQLITE_OK) std::abort();
    }
  }
  ~Prepared() {
    for (auto* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close(connection_);
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  void run(const std::array<std::string_view, 3>& arguments) {
    for (std::size_t i = 0; i < kQueries.size(); ++i) {
      sqlite3_stmt* statement = statements_[i];
      for (int parameter = 0; parameter < sqlite3_bind_parameter_count(statement); ++parameter) {
        const auto argument = arguments[static_cast<std::size_t>(parameter)];
        sqlite3_bind_text64(statement, parameter + 1, argument.data() ? argument.data() : "", argument.size(),
                            SQLITE_STATIC, SQLITE_UTF8);
      }
      if (sqlite3_step(statement) == SQLITE_ROW && i == kBase64RoundTrip) std::abort();
      sqlite3_reset(statement);
    }
  }

 private:
  osprey::sql::FunctionOptions options_;
  sqlite3* connection_ = nullptr;
  std::array<sqlite3_stmt*, kQueries.size()> statements_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Prepared osprey_names(false);
  static Prepared osquery_names(true);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto first = osprey::take_until(rest, '\n');
  const auto second = osprey::take_until(rest, '\n');
  osprey_names.run({first, second, rest});
  osquery_names.run({first, second, rest});
  return 0;
}
