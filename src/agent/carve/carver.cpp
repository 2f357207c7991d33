#include "agent/carve/carver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "agent/remote/delays.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using store::Family;
using Status = Carve::Status;

constexpr std::string_view kCarves = "carve.";   // and the guid
constexpr std::string_view kBlocks = "blocks.";  // and the guid: how many the server has
constexpr std::string_view kScratch = "carve-";  // and the guid, of a file's name
constexpr unsigned kAttempts = 3;
constexpr std::size_t kMostPathBytes = 1 << 20;
constexpr std::size_t kMostMissing = 10;  // that an error names
constexpr std::uint64_t kMostBlock = 16 << 20;
constexpr milliseconds kLongestDelay{300'000};
constexpr milliseconds kLook{60'000};  // between two looks at what has expired

std::string carve_key(std::string_view guid) { return fmt::format("{}{}", kCarves, guid); }
std::string blocks_key(std::string_view guid) { return fmt::format("{}{}", kBlocks, guid); }

std::string json_text(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

std::uint64_t blocks_of(const Carve& carve) {
  return (static_cast<std::uint64_t>(carve.size) + carve.block_size - 1) / carve.block_size;
}

std::string missing_text(const std::vector<std::string>& missing) {
  if (missing.empty()) return {};
  const auto named = std::min(missing.size(), kMostMissing);
  auto text = fmt::format("{}", fmt::join(missing.begin(), missing.begin() + static_cast<std::ptrdiff_t>(named), "; "));
  if (missing.size() > named) text += fmt::format("; and {} more", missing.size() - named);
  return text;
}

}  // namespace

CarverOptions carver_options(const Flags& flags) {
  const auto number = [&](FlagName name) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number(name), 0));
  };
  CarverOptions options;
  options.function = !flags.boolean("carver_disable_function");
  options.start_endpoint = flags.text("carver_start_endpoint");
  options.continue_endpoint = flags.text("carver_continue_endpoint");
  if (const auto size = number("carver_block_size"); size > 0) options.block_size = std::min(size, kMostBlock);
  options.compress = flags.boolean("carver_compression");
  options.expiry = seconds(number("carver_expiry"));
  options.directory = flags.text("database_path");
  options.cap = number("carver_limit_mb") << 20;
  return options;
}

Carver::Carver(CarverParts parts) : parts_(std::move(parts)) {
  load();
  remove_leftovers();
}

Carver::~Carver() { stop(); }

void Carver::load() {
  for (const auto cursor = parts_.store.cursor(Family::carves, kCarves, store::prefix_end(kCarves)); cursor->valid();
       cursor->next())
    if (auto carve = parse_carve(cursor->value()); carve && carve->guid == cursor->key().substr(kCarves.size()))
      carves_.insert_or_assign(carve->guid, std::move(*carve));
}

void Carver::remove_leftovers() {
  std::set<std::string, std::less<>> needed;
  for (const auto& [guid, carve] : carves_)
    if (carve.status == Status::pending) needed.insert(scratch_path(carve));
  std::error_code error;
  std::vector<std::string> leftovers;
  for (std::filesystem::directory_iterator at(parts_.options.directory, error), end; !error && at != end;
       at.increment(error))
    if (at->path().filename().native().starts_with(kScratch) && !needed.contains(at->path().native()))
      leftovers.push_back(at->path().native());
  for (const auto& path : leftovers) ScratchFile::remove(path, parts_.store);
}

std::string Carver::scratch_path(const Carve& carve) const {
  return fmt::format("{}/{}{}.tar", parts_.options.directory, kScratch, carve.guid);
}

void Carver::start() {
  thread_ = std::thread([this] { work(); });
  ::pthread_setname_np(thread_.native_handle(), "carve");
}

void Carver::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_.request();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<Carve> Carver::request(const std::vector<std::string>& paths, std::string request_id) {
  Carve carve;
  std::size_t bytes = 0;
  std::set<std::string_view> known;
  for (const auto& path : paths) {
    if (!known.insert(path).second) continue;
    bytes += path.size() + 1;
    carve.paths.push_back(path);
  }
  if (bytes > kMostPathBytes) return failure("carve", "more than 1 MiB of paths: ask for fewer");
  carve.guid = random_uuid();
  carve.request_id = request_id.empty() ? random_uuid() : std::move(request_id);
  carve.time = parts_.clock.unix_time();
  const std::lock_guard lock(mutex_);
  if (std::ranges::count_if(carves_, [](const auto& one) { return !one.second.finished(); }) >=
      static_cast<std::ptrdiff_t>(kMostWaiting))
    return failure("carve", fmt::format("{} carves are waiting already", kMostWaiting));
  store::Batch batch;
  batch.put(Family::carves, carve_key(carve.guid), encode(carve));
  TRY(parts_.store.write(batch));
  carves_.insert_or_assign(carve.guid, carve);
  wake_.notify_all();
  return carve;
}

std::vector<Carve> Carver::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Carve> all;
  all.reserve(carves_.size());
  for (const auto& [guid, carve] : carves_) all.push_back(carve);
  return all;
}

// What is being sent comes first, then what was asked for first.
std::optional<Carve> Carver::next() const {
  const Carve* first = nullptr;
  for (const auto& [guid, carve] : carves_) {
    if (carve.finished()) continue;
    const auto rank = [](const Carve& one) { return std::pair(one.status != Status::pending, one.time); };
    if (!first || rank(carve) < rank(*first)) first = &carve;
  }
  return first ? std::optional(*first) : std::nullopt;
}

void Carver::work() {
  std::unique_lock lock(mutex_);
  while (!stop_.requested()) {
    expire();
    auto carve = next();
    if (!carve) {
      wake_.wait_for(lock, kLook);
      continue;
    }
    lock.unlock();
    handle(std::move(*carve));
    lock.lock();
  }
}

// Under the lock. osquery keeps those that failed for ever.
void Carver::expire() {
  const auto now = parts_.clock.unix_time();
  store::Batch over;
  const auto forget = [&](auto which) {
    over.erase(Family::carves, carve_key(which->first));
    return carves_.erase(which);
  };
  for (auto at = carves_.begin(); at != carves_.end();) {
    const auto& carve = at->second;
    const bool ends = compatible() ? carve.status == Status::success : carve.finished();
    at = ends && now - carve.time >= parts_.options.expiry.count() ? forget(at) : std::next(at);
  }
  while (carves_.size() > kMostKept) {
    auto oldest = carves_.end();
    for (auto at = carves_.begin(); at != carves_.end(); ++at)
      if (at->second.finished() && (oldest == carves_.end() || at->second.time < oldest->second.time)) oldest = at;
    if (oldest == carves_.end()) break;
    forget(oldest);
  }
  if (!over.empty()) static_cast<void>(parts_.store.write(over));  // else at the next start
}

// What cannot be written is made up for with the next change, or at the next start by doing it again.
void Carver::update(const Carve& carve) {
  store::Batch batch;
  batch.put(Family::carves, carve_key(carve.guid), encode(carve));
  if (carve.finished()) batch.erase(Family::carves, blocks_key(carve.guid));
  static_cast<void>(parts_.store.write(batch));
  const std::lock_guard lock(mutex_);
  carves_.insert_or_assign(carve.guid, carve);
}

void Carver::end(Carve& carve, Status status, std::string error) {
  carve.status = status;
  if (!error.empty()) carve.error = carve.error.empty() ? error : fmt::format("{}; {}", error, carve.error);
  update(carve);
  ScratchFile::remove(scratch_path(carve), parts_.store);
  if (status == Status::success)
    parts_.status.debug(fmt::format("carve {} is with the server", carve.guid));
  else
    parts_.status.error(fmt::format("carve {} of {}: {}: {}", carve.guid, carve.joined_paths().substr(0, 1000),
                                    name_of(status), carve.error));
}

void Carver::handle(Carve carve) {
  const auto is_whole = [&] {
    const auto file = ScratchFile::open(scratch_path(carve), parts_.store);
    return file && carve.size >= 0 && file->size() == static_cast<std::uint64_t>(carve.size);
  };
  if (carve.status != Status::pending || carve.session.empty() || carve.block_size == 0 || !is_whole())
    if (!pack(carve) || !begin(carve)) return;
  if (send(carve)) end(carve, Status::success, {});
}

// Makes the archive. False: it is over, or interrupted.
bool Carver::pack(Carve& carve) {
  carve.status = Status::starting;
  carve.session.clear();
  carve.error.clear();
  update(carve);
  std::error_code ignored;
  std::filesystem::create_directories(parts_.options.directory, ignored);  // without a database it need not be there
  auto file = ScratchFile::create(scratch_path(carve), parts_.options.cap, parts_.store);
  if (!file) {
    end(carve, Status::archive_failed, file.error().text());
    return false;
  }
  // osquery's entries are named after its temporary folder. Ours are the paths, without the slash that would have a
  // careless reader overwrite its own files.
  const bool osquery = compatible();
  std::vector<std::string> paths;
  std::vector<std::string> missing;
  for (const auto& path : carve.paths)
    if (path.starts_with('/'))
      paths.push_back(path);
    else
      missing.push_back(fmt::format("{}: not an absolute path", path));
  const ArchiveOrder order{parts_.root, paths, osquery ? fmt::format("/tmp/osquery_carve_{}/", carve.guid) : "",
                           parts_.options.compress, parts_.budget};
  auto archived = archive(order, *file, stop_);
  if (!archived) {
    if (archived.error().error.code == ECANCELED) return false;
    end(carve, archived.error().of_compression ? Status::compress_failed : Status::archive_failed,
        archived.error().error.text());
    return false;
  }
  missing.insert(missing.end(), archived->missing.begin(), archived->missing.end());
  carve.error = missing_text(missing);
  // osquery sends an empty archive.
  if (archived->files == 0 && !osquery) {
    end(carve, Status::create_paths_failed, {});
    return false;
  }
  carve.size = static_cast<std::int64_t>(file->size());
  carve.sha256 = std::move(archived->sha256);
  carve.block_size = parts_.options.block_size;
  update(carve);
  return true;
}

// Asks until it is well, gives up or is interrupted; false then, with the last error.
bool Carver::persist(const std::function<Result<void>()>& attempt, Error& last) {
  auto delay = parts_.options.first_delay;
  for (milliseconds waited{0};; waited += delay, delay = std::min(delay * 2, kLongestDelay)) {
    auto done = attempt();
    if (done) return true;
    last = std::move(done.error());
    if (compatible() || waited >= parts_.options.patience || !wait(jittered(delay))) return false;
  }
}

// False when interrupted.
bool Carver::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stop_.requested(); });
}

Result<std::string> Carver::ask_for_session(const Carve& carve) {
  RemoteRequest request;
  request.endpoint = parts_.options.start_endpoint;
  request.members =
      fmt::format(R"("block_count":{},"block_size":{},"carve_size":{},"carve_id":{},"request_id":{})", blocks_of(carve),
                  carve.block_size, carve.size, json_text(carve.guid), json_text(carve.request_id));
  request.evaluate = !compatible();
  request.attempts = kAttempts;
  const auto reply = TRY(parts_.remote.send(request, stop_));
  const auto* session = reply.body.if_contains("session_id");
  if (!session || !session->is_string() || session->get_string().empty())
    return failure("carve", "the server's reply has no session_id");
  return std::string(session->get_string());
}

bool Carver::begin(Carve& carve) {
  Error last;
  const auto ask = [&]() -> Result<void> {
    carve.session = TRY(ask_for_session(carve));
    return {};
  };
  if (!persist(ask, last)) {
    if (!stop_.requested()) end(carve, Status::data_post_failed, last.text());
    return false;
  }
  carve.status = Status::pending;
  store::Batch fresh;
  fresh.erase(Family::carves, blocks_key(carve.guid));
  static_cast<void>(parts_.store.write(fresh));
  update(carve);
  return true;
}

std::uint64_t Carver::blocks_sent(const Carve& carve) const {
  const auto kept = parts_.store.get(Family::carves, blocks_key(carve.guid));
  return kept && *kept ? parse<std::uint64_t>(**kept).value_or(0) : 0;
}

Result<void> Carver::send_block(const Carve& carve, const ScratchFile& file, std::uint64_t block) {
  const auto bytes = TRY(file.read(block * carve.block_size, carve.block_size));
  RemoteRequest request;
  request.endpoint = parts_.options.continue_endpoint;
  request.members = fmt::format(R"("block_id":{},"session_id":{},"request_id":{},"data":"{}")", block,
                                json_text(carve.session), json_text(carve.request_id), to_base64(bytes));
  request.node_key_in_body = false;
  request.evaluate = !compatible();
  request.attempts = kAttempts;
  TRY(parts_.remote.send(request, stop_));
  store::Batch sent;
  sent.put(Family::carves, blocks_key(carve.guid), fmt::format("{}", block + 1));
  static_cast<void>(parts_.store.write(sent));  // else the next process sends it once more
  return {};
}

// Sends what the server does not have. False: it is over, or interrupted.
bool Carver::send(const Carve& carve) {
  auto failed = carve;
  const auto file = ScratchFile::open(scratch_path(carve), parts_.store);
  if (!file) {
    end(failed, Status::data_post_failed, file.error().text());
    return false;
  }
  for (auto block = blocks_sent(carve); block < blocks_of(carve); ++block) {
    Error last;
    if (persist([&] { return send_block(carve, *file, block); }, last)) continue;
    if (!stop_.requested()) end(failed, Status::data_post_failed, last.text());
    return false;
  }
  return true;
}

void CarveDesk::provide(sql::Services& services) {
  if (!carver_) return;
  services.provide(*this);
  if (carver_->has_function()) services.provide<sql::Carving>(*this);
}

Result<void> CarveDesk::carve(const std::vector<std::string>& paths) {
  TRY(request(paths));
  return {};
}

}  // namespace osprey::agent
