// For tests and benchmarks: a PostgreSQL of their own in a scratch folder, reached by a Unix socket only, run by
// another user than root. It ends with its owner, or with the thread that started it if that dies first.
#pragma once

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace osprey::server::db {

class PostgresqlCluster {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  // Throws where PostgreSQL 15 cannot be had.
  explicit PostgresqlCluster(Settings settings = {},
                             const std::filesystem::path& parent = std::filesystem::temp_directory_path())
      : settings_(std::move(settings)) {
    std::string pattern = parent / "osprey-postgresql-XXXXXX";
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("cannot make " + pattern);
    folder_ = pattern;
    if (const passwd* user = ::getuid() == 0 ? ::getpwnam("postgres") : nullptr) {
      user_ = user->pw_uid;
      group_ = user->pw_gid;
      if (::chown(pattern.c_str(), user_, group_) != 0) throw std::runtime_error("cannot give away " + pattern);
    }
    const std::filesystem::path data = folder_ / "data";
    const int status = wait_for(spawn({kPrograms + "/initdb", "--pgdata=" + data.string(), "--username=osprey",
                                       "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"}));
    if (status != 0) throw std::runtime_error("initdb failed in " + folder_.string());
    start();
  }
  PostgresqlCluster(const PostgresqlCluster&) = delete;
  ~PostgresqlCluster() {
    stop(SIGQUIT);
    std::filesystem::remove_all(folder_);
  }

  // Where it is running already nothing is done.
  void start() {
    if (pid_ > 0) return;
    std::vector<std::string> command = {kPrograms + "/postgres", "-D", (folder_ / "data").string(), "-k",
                                        folder_.string(),        "-c", "listen_addresses="};
    for (const auto& [name, value] : settings_) command.insert(command.end(), {"-c", name + "=" + value});
    pid_ = spawn(command);
    for (int i = 0; i < 2400; ++i) {
      PGconn* const connection = PQconnectdb(url("postgres").c_str());
      const bool ready = PQstatus(connection) == CONNECTION_OK;
      PQfinish(connection);
      if (ready) return;
      // After a SIGKILL its children may still hold the shared memory: then it ends at once.
      if (int status = 0; ::waitpid(pid_, &status, WNOHANG) == pid_) pid_ = spawn(command);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    throw std::runtime_error("PostgreSQL does not start; see " + (folder_ / "log").string());
  }
  // SIGINT: at once and in order. SIGKILL: the main process; the others see to it that they end.
  void stop(int signal = SIGINT) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    wait_for(std::exchange(pid_, -1));
  }

  std::string url(const std::string& database) const {
    std::string host;
    for (const char c : folder_.string()) host += c == '/' ? std::string("%2F") : std::string(1, c);
    return "postgresql://osprey@" + host + "/" + database;
  }
  const std::filesystem::path& folder() const { return folder_; }

  // An empty database's URL.
  std::string create_database() {
    if (free_.empty()) {
      free_.push_back("test" + std::to_string(++databases_));
      run("CREATE DATABASE " + free_.back());
    }
    const std::string name = free_.back();
    free_.pop_back();
    return url(name);
  }
  // It will be used again, emptied: new ones take ten times as long, and make recovery slow.
  void give_back_database(const std::string& its_url) {
    const std::string name = its_url.substr(its_url.rfind('/') + 1);
    run("SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public", name);
    free_.push_back(name);
  }
  // Ends the servers' connections to all databases, as a restart would.
  void disconnect_all() {
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'");
  }
  void run(const std::string& statement, const std::string& database = "postgres") const {
    PGconn* const connection = PQconnectdb(url(database).c_str());
    PGresult* const result = PQexec(connection, statement.c_str());
    const std::string error = PQresultErrorMessage(result);
    PQclear(result);
    PQfinish(connection);
    if (!error.empty()) throw std::runtime_error(error);
  }

 private:
  static inline const std::string kPrograms = "/usr/lib/postgresql/15/bin";

  pid_t spawn(const std::vector<std::string>& command) const {
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const std::string log = folder_ / "log";
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (::getuid() == 0 && (::setgid(group_) != 0 || ::setuid(user_) != 0)) ::_exit(127);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  static int wait_for(pid_t child) {
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  Settings settings_;
  std::filesystem::path folder_;
  uid_t user_ = ::getuid();
  gid_t group_ = ::getgid();
  pid_t pid_ = -1;
  int databases_ = 0;
  std::vector<std::string> free_;
};

}  // namespace osprey::server::db
