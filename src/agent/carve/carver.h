// Carver: packs files that were asked for and sends them to the server, one carve after another, on a thread of its own
// (compat sections 6.7 and 8).
//
// A carve is in the store from when it is asked for. While it is sent, its archive lies in a scratch file and the store
// knows the blocks that the server has, so that another process goes on where this one ended.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/carve/archive.h"
#include "agent/carve/carve.h"
#include "agent/flags/flags.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"
#include "agent/remote/remote.h"
#include "agent/schedule/clock.h"
#include "base/interrupt.h"
#include "base/root.h"
#include "linux/files/io_budget.h"
#include "sql/carving.h"
#include "sql/scan.h"
#include "store/store.h"

namespace osprey::agent {

struct CarverOptions {
  bool function = false;  // carve() may be used
  std::string start_endpoint;
  std::string continue_endpoint;
  std::uint64_t block_size = 8192;
  bool compress = false;
  std::chrono::seconds expiry{86400};
  std::string directory;  // of scratch files: the store's
  std::uint64_t cap = 0;  // bytes of an archive; 0: no bound
  // Under our own name a server that does not answer is asked again after growing delays, for so long. osquery gives up
  // at once.
  std::chrono::milliseconds first_delay{10'000};
  std::chrono::milliseconds patience{3'600'000};
};
CarverOptions carver_options(const Flags& flags);

// All references outlive the carver.
struct CarverParts {
  const Program& program;
  store::Store& store;
  Remote& remote;
  StatusLog& status;
  linux::IoBudget* budget = nullptr;
  Root root = Root::host();
  const Clock& clock = Clock::system();
  CarverOptions options;
};

// Thread-safe.
class Carver {
 public:
  static constexpr std::size_t kMostWaiting = 100;
  static constexpr std::size_t kMostKept = 1000;

  // Takes over what an earlier process left, and removes scratch files that no carve needs.
  explicit Carver(CarverParts parts);
  ~Carver();  // stops
  Carver(const Carver&) = delete;
  Carver& operator=(const Carver&) = delete;

  void start();
  // Ends what is under way within a moment; it goes on with the next process.
  void stop();

  // Asks for these paths as one carve. `request_id` names what asked; one is drawn where it is empty. Returns it as it
  // stands before anything is done.
  Result<Carve> request(const std::vector<std::string>& paths, std::string request_id);
  // By guid.
  std::vector<Carve> list() const;
  bool has_function() const noexcept { return parts_.options.function; }

 private:
  bool compatible() const { return parts_.program.osquery_compatible; }
  void load();
  void remove_leftovers();
  void work();
  void expire();
  std::optional<Carve> next() const;
  void update(const Carve& carve);
  std::string scratch_path(const Carve& carve) const;

  void handle(Carve carve);
  bool pack(Carve& carve);
  bool begin(Carve& carve);
  bool send(const Carve& carve);
  Result<std::string> ask_for_session(const Carve& carve);
  Result<void> send_block(const Carve& carve, const ScratchFile& file, std::uint64_t block);
  std::uint64_t blocks_sent(const Carve& carve) const;
  bool persist(const std::function<Result<void>()>& attempt, Error& last);
  void end(Carve& carve, Carve::Status status, std::string error);
  bool wait(std::chrono::milliseconds time);

  const CarverParts parts_;
  Interrupt stop_;
  mutable std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  std::map<std::string, Carve, std::less<>> carves_;  // by guid
  std::thread thread_;
};

// Where queries ask for carves: what carve() and the table `carves` find among their services. Belongs to one thread;
// one without set_request() may be shared.
class CarveDesk final : public sql::Carving {
 public:
  // Null: nothing is carved.
  explicit CarveDesk(Carver* carver) : carver_(carver) {}
  void provide(sql::Services& services);

  // The request that carves are part of from now on; empty: each is one of its own.
  void set_request(std::string id) { request_id_ = std::move(id); }
  Result<void> carve(const std::vector<std::string>& paths) override;
  Result<Carve> request(const std::vector<std::string>& paths) { return carver_->request(paths, request_id_); }
  std::vector<Carve> list() const { return carver_->list(); }

 private:
  Carver* carver_;
  std::string request_id_;
};

}  // namespace osprey::agent
