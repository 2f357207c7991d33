#include "agent/store_command/store_command.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "base/temporary_tree.h"
#include "base/unique_fd.h"
#include "store/rocksdb_store.h"

namespace osprey::agent {
namespace {

using store::Family;

TEST(EscapeBytes, IsVisibleAndComesBack) {
  const std::string bytes("a\\b\n\t\r\x01\xFF\0é\\", 12);
  EXPECT_EQ(escape_bytes(bytes), "a\\\\b\\n\\t\\r\\x01\\xFF\\x00é\\\\");
  EXPECT_EQ(unescape_bytes(escape_bytes(bytes)), bytes);
  EXPECT_EQ(escape_bytes(""), "");
  EXPECT_EQ(unescape_bytes("\\"), "\\");
  EXPECT_EQ(unescape_bytes("\\x"), "\\x");
  EXPECT_EQ(unescape_bytes("\\xZZ\\q"), "\\xZZ\\q");
}

// AGT-14: piped, on a store that is open for writing.
class StoreCommand : public TemporaryTree {
 protected:
  StoreCommand() {
    flags.set("database_path", (top / "db").string());
    store = std::move(store::open_rocksdb({.directory = top / "db"})->store);
    store::Batch batch;
    batch.put(Family::configuration, "identity.host_uuid", "uuid-1");
    batch.put(Family::configuration, "identity.node_key", "opensesame");
    batch.put(Family::queries, std::string("a\0b", 3), "line\nline");
    (void)store->write(batch);
  }

  // Status and standard output.
  std::pair<int, std::string> run(std::vector<std::string> words) {
    UniqueFd file(::open((top / "out").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    shell::Output output(file.get());
    const int status = words == std::vector<std::string>{"--database_dump"}
                           ? dump_database(flags, output)
                           : run_store_command("osprey", words, flags, output);
    output.flush();
    return {status, root().read("/out")->bytes};
  }

  Flags flags;
  std::unique_ptr<store::Store> store;
};

TEST_F(StoreCommand, ListsFamiliesAndSizes) {
  EXPECT_THAT(run({"families"}).second, testing::StartsWith("configurations\tsettings of this host"));
  EXPECT_THAT(run({"sizes"}).second, testing::HasSubstr("queries\t1\t"));
  EXPECT_EQ(run({}), run({"sizes"}));
}

TEST_F(StoreCommand, ShowsKeysAndValues) {
  EXPECT_EQ(run({"keys", "queries"}), std::pair(0, std::string("a\\x00b\n")));
  EXPECT_EQ(run({"keys", "configurations", "identity.h"}), std::pair(0, std::string("identity.host_uuid\n")));
  EXPECT_EQ(run({"get", "queries", "a\\x00b"}), std::pair(0, std::string("line\nline")));
  EXPECT_EQ(run({"dump", "queries"}), std::pair(0, std::string("queries\ta\\x00b\tline\\nline\n")));
}

TEST_F(StoreCommand, ShowsNoSecrets) {
  EXPECT_EQ(run({"get", "configurations", "identity.node_key"}).second, "(not shown)\n");
  EXPECT_THAT(run({"dump"}).second, testing::AllOf(testing::HasSubstr("identity.node_key\t(not shown)\n"),
                                                   testing::Not(testing::HasSubstr("opensesame"))));
}

TEST_F(StoreCommand, DumpsAsOsqueryDoes) {
  const auto [status, text] = run({"--database_dump"});
  EXPECT_EQ(status, 0);
  EXPECT_THAT(text, testing::StartsWith("configurations[identity.host_uuid]: uuid-1\n"
                                        "configurations[identity.node_key]: (not shown)\n"));
  EXPECT_THAT(text, testing::EndsWith(": line\nline\n"));
}

TEST_F(StoreCommand, SaysWhatIsWrong) {
  EXPECT_EQ(run({"sise"}).first, 2);
  EXPECT_EQ(run({"keys"}).first, 2);
  EXPECT_EQ(run({"keys", "querys"}).first, 2);
  EXPECT_EQ(run({"get", "queries", "none"}).first, 1);
  EXPECT_EQ(run({"compact"}).first, 1);  // it is open
  store.reset();
  EXPECT_EQ(run({"compact"}).first, 0);
  flags.set("database_path", (top / "none").string());
  EXPECT_EQ(run({"sizes"}).first, 1);
  EXPECT_EQ(run({"compact"}).first, 1);
  EXPECT_FALSE(std::filesystem::exists(top / "none"));
}

}  // namespace
}  // namespace osprey::agent
