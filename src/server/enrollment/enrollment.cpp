#include "server/enrollment/enrollment.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "server/api/problem.h"
#include "server/db/listening.h"
#include "server/enrollment/certificate_name.h"
#include "server/enrollment/conflicts.h"
#include "server/enrollment/cool_down.h"
#include "server/enrollment/failures.h"
#include "server/enrollment/machines.h"
#include "server/enrollment/node_keys.h"
#include "server/enrollment/secrets.h"
#include "server/secret.h"
#include "server/tags/tags.h"

namespace osprey::server::enrollment {
namespace {

constexpr std::string_view kChannel = "enrollment";
constexpr std::size_t kMostIdentifier = 512;

// So many a second.
class Budget {
 public:
  explicit Budget(unsigned a_second) : a_second_(a_second) {}
  bool is_spent(Timestamp now) {
    const std::lock_guard lock(mutex_);
    begin(now);
    return taken_ >= a_second_;
  }
  void take(Timestamp now) {
    const std::lock_guard lock(mutex_);
    begin(now);
    ++taken_;
  }

 private:
  void begin(Timestamp now) {
    const auto second = now.ms / 1000;
    if (second == second_) return;
    second_ = second;
    taken_ = 0;
  }

  const unsigned a_second_;
  std::mutex mutex_;
  std::int64_t second_ = 0;
  unsigned taken_ = 0;
};

// What an enrolment was refused for, as failures list it.
struct Refusal {
  std::string_view reason;
  int code;
  std::string text;
};

class TheEnrollment final : public Enrollment {
 public:
  TheEnrollment(const Services& services, const Options& options)
      : services_(services),
        options_(options),
        failing_(options.free_failures, options.longest_cool_down),
        enrolling_(options.free_enrolments, options.longest_cool_down),
        unknown_(options.unknown_keys) {}
  ~TheEnrollment() override;

  Result<void> start();

  Result<std::string> enroll(const Request& request, Timestamp now) override;
  std::optional<Known> recall(std::string_view node_key, std::string_view address) const override;
  bool is_of(std::string_view node_key, hosts::HostId host) const override {
    return keys_.is_of(node_key, host, services_.clock());
  }
  Result<Known> look_up(std::string_view node_key, std::string_view address) override;
  Result<void> revoke(db::Transaction& transaction, hosts::HostId host, bool may_enroll_again, Timestamp now) override;
  const Options& options() const override { return options_; }
  void settle() override;

 private:
  struct Enrolled {
    std::vector<NodeKey> keys;  // as they are now: the new one and those that it follows
    std::optional<Refusal> refusal;
    std::string secret;  // shown in failures
  };

  Result<std::string> identifier_of(const Request& request) const;
  std::unexpected<Error> refuse(const Request& request, std::string_view secret, const Refusal& refusal, Timestamp now);
  Result<Enrolled> enroll_in(db::Transaction& transaction, const Request& request, Machine machine, const Digest& key,
                             Timestamp now);

  void run();
  Result<void> reload();
  void settle_findings(Timestamp now);
  Result<std::vector<NodeKey>> settle(const NodeKeys::Finding& finding, Timestamp now);
  Result<std::vector<NodeKey>> list_shared(const NodeKeys::Finding& finding, Timestamp now);
  Result<std::vector<NodeKey>> first_use(const Digest& hash, Timestamp now);
  Result<std::vector<NodeKey>> tell_apart(const Digest& hash, const Digest& rival, Timestamp now);
  void put(const std::vector<NodeKey>& keys) {
    for (const auto& key : keys) keys_.put(key);
  }

  const Services& services_;
  const Options options_;
  NodeKeys keys_;
  CoolDown failing_;
  CoolDown enrolling_;
  Budget unknown_;
  Failures failures_;
  std::mutex settling_;
  std::atomic<bool> reload_ = false;    // memory may have missed something
  std::atomic<std::uint64_t> told_{0};  // messages
  std::mutex mutex_;
  std::condition_variable ending_changed_;
  bool ending_ = false;
  std::thread thread_;
  db::Listening listening_;
};

void tell(db::Transaction& transaction, const std::vector<NodeKey>& keys) {
  for (const auto& key : keys) transaction.notify(std::string(kChannel), to_message(key));
}

void end_keys(db::Transaction& transaction, hosts::HostId host) {
  auto keys = keys_of_host(transaction.sql(), host);
  remove_keys(transaction.sql(), host);
  for (auto& key : keys) key.host = 0;
  tell(transaction, keys);
}

// In memory

Result<void> TheEnrollment::start() {
  listening_.listen(
      *services_.database, std::string(kChannel),
      [this](const std::string& message) {
        ++told_;
        if (const auto key = from_message(message)) keys_.put(*key);
      },
      [this] { reload_ = true; });
  TRY(reload());
  services_.hosts->add_remover([](db::Transaction& transaction, hosts::HostId host) -> Result<void> {
    end_keys(transaction, host);
    remove_machine(transaction.sql(), host);
    return {};
  });
  if (services_.tags)
    services_.tags->add_user(
        [database = services_.database](hosts::TagId tag) { return secrets_with(*database, tag); });
  thread_ = std::thread([this] { run(); });
  return {};
}

TheEnrollment::~TheEnrollment() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ending_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  (void)failures_.write(*services_.database);
}

Result<void> TheEnrollment::reload() {
  const auto now = services_.clock();
  const auto told = told_.load();
  const auto keys = TRY(services_.database->read([&](soci::session& sql) { return all_keys(sql, now); }));
  keys_.replace_all(keys);
  // What was read may be older than what was told meanwhile: a key that has ended since would be good again.
  if (told_ != told) reload_ = true;
  return {};
}

void TheEnrollment::run() {
  constexpr std::chrono::seconds kPause{1};
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (ending_changed_.wait_for(lock, kPause, [&] { return ending_; })) return;
    }
    settle();
  }
}

std::optional<Enrollment::Known> TheEnrollment::recall(std::string_view node_key, std::string_view address) const {
  const auto host = keys_.recall(node_key, address, services_.clock());
  return host ? std::optional(Known{*host}) : std::nullopt;
}

Result<Enrollment::Known> TheEnrollment::look_up(std::string_view node_key, std::string_view address) {
  const auto now = services_.clock();
  if (const auto known = recall(node_key, address)) return *known;
  // Those that another server has just given out are not counted, however many hosts come here with them at once.
  if (unknown_.is_spent(now))
    return std::unexpected(Error{db::kUnavailable, "node key", "too many that nobody knows; send it again later"});
  const auto hash = digest_of(node_key);
  const auto find = [&](soci::session& sql) { return find_key(sql, hash); };
  if (const auto found = TRY(services_.database->read(find))) {
    keys_.put(found->key);
    // Had it ended between reading and putting, that was told before it was there.
    if (!TRY(services_.database->read(find))) keys_.put({.hash = hash});
  } else {
    keys_.put_unknown(hash, now);
    unknown_.take(now);
  }
  return recall(node_key, address).value_or(Known{});
}

// Enrolling

Result<std::string> TheEnrollment::identifier_of(const Request& request) const {
  const auto machine = machine_of(request.identifier, request.details, request.address);
  std::string_view identifier = trim(request.identifier);
  if (options_.identifier == Identifier::hardware_uuid && !machine.hardware.empty()) identifier = machine.hardware;
  if (options_.identifier == Identifier::instance_id && !machine.instance.empty()) identifier = machine.instance;
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (identifier.empty() || identifier.size() > kMostIdentifier || std::ranges::any_of(identifier, is_control))
    return api::problem(api::kInvalid, "host_identifier",
                        fmt::format("must have 1 to {} bytes without control characters", kMostIdentifier));
  return std::string(identifier);
}

std::unexpected<Error> TheEnrollment::refuse(const Request& request, std::string_view secret, const Refusal& refusal,
                                             Timestamp now) {
  failures_.add(secret, request.address, refusal.reason, request.identifier, now);
  return api::problem(refusal.code, "enrollment", refusal.text);
}

Result<std::string> TheEnrollment::enroll(const Request& request, Timestamp now) {
  const auto digits = hex(bytes_of(digest_of(request.secret))).substr(0, 8);
  const auto unknown = "unknown " + digits;
  const auto identifier = identifier_of(request);
  if (!identifier) return refuse(request, unknown, {"identifier", api::kInvalid, identifier.error().text()}, now);
  const auto machine = machine_of(*identifier, request.details, request.address);

  // An address that guesses, an address with one wrong secret (which must not lock out others behind the same), and a
  // host that enrols in a loop.
  const auto address_and_secret = request.address + ' ' + digits;
  const auto host_in_loop =
      fmt::format("{}\n{}\n{}\n{}", machine.identifier, machine.hardware, machine.instance, machine.address);
  const auto wait = std::max({failing_.left(request.address, now), failing_.left(address_and_secret, now),
                              enrolling_.left(host_in_loop, now)});
  if (wait.count() > 0)
    return refuse(request, unknown,
                  {"cool_down", api::kTooMany,
                   fmt::format("too many attempts from {}; try again in {} s", request.address, wait.count())},
                  now);
  if (options_.certificate_names_host && common_name(request.certificate) != *identifier)
    return refuse(request, unknown, {"certificate", api::kForbidden, "the client certificate is not that of this host"},
                  now);

  const auto key = random_secret();
  Result<Enrolled> enrolled;
  // Twice the same machine at once: the second is one that enrols again.
  for (int attempt = 0; attempt < 3; ++attempt) {
    enrolled = services_.database->write(
        [&](db::Transaction& transaction) { return enroll_in(transaction, request, machine, digest_of(key), now); });
    if (enrolled || enrolled.error().code != db::kDuplicate) break;
  }
  if (!enrolled) return std::unexpected(std::move(enrolled.error()));
  if (enrolled->refusal) {
    if (failing_.count(address_and_secret, now) == 1) failing_.count(request.address, now);
    return refuse(request, enrolled->secret.empty() ? unknown : enrolled->secret, *enrolled->refusal, now);
  }
  put(enrolled->keys);
  enrolling_.count(host_in_loop, now);
  return key;
}

Result<TheEnrollment::Enrolled> TheEnrollment::enroll_in(db::Transaction& transaction, const Request& request,
                                                         Machine machine, const Digest& key, Timestamp now) {
  auto& sql = transaction.sql();
  Enrolled enrolled;
  const auto refused = [&](std::string_view reason, std::string_view text) {
    enrolled.refusal = Refusal{reason, api::kForbidden, std::string(text)};
    return enrolled;
  };
  const auto secret = find_secret(transaction, request.secret);
  if (!secret) return refused("unknown_secret", "the secret is not right");
  enrolled.secret = secret->name;
  machine.secret = secret->id;
  if (const auto reason = refusal_of(*secret, now); !reason.empty())
    return refused(reason, fmt::format("the secret is {}", reason));

  const auto known = find_machine(sql, machine);
  if ((known && known->blocked) || is_hardware_blocked(sql, machine))
    return refused("blocked", "this host may not enroll");
  hosts::HostId host = 0;
  std::vector<NodeKey> former;
  if (known) {
    host = known->host;
    former = keys_of_host(sql, host);
    TRY(services_.hosts->enrolled_again(transaction, host, request.details, now));
    update_machine(sql, host, machine, now);
  } else {
    if (!count_use(transaction, secret->id, now))
      return refused("use_limit", "the secret has brought in as many hosts as it may");
    const auto namesake = find_namesake(sql, machine);
    if (namesake) former = keys_of_host(sql, *namesake);
    host = TRY(services_.hosts->add(transaction, machine.identifier, request.details, secret->tags, now));
    add_machine(sql, host, machine, 0, now);
  }
  enrolled.keys.push_back({.hash = key, .host = host});
  add_key(sql, enrolled.keys.front(), machine, now);
  for (auto& each : former) {
    if (each.ends_at != 0 && each.ends_at <= now.ms) continue;
    each.rival = key;
    each.rival_at = now.ms;
    if (known && each.ends_at == 0) each.ends_at = now.ms + options_.key_grace.count() * 1000;
    update_key(sql, each);
    enrolled.keys.push_back(each);
  }
  tell(transaction, enrolled.keys);
  return enrolled;
}

Result<void> TheEnrollment::revoke(db::Transaction& transaction, hosts::HostId host, bool may_enroll_again,
                                   Timestamp now) {
  end_keys(transaction, host);
  set_blocked(transaction.sql(), host, may_enroll_again ? 0 : now.ms);
  return {};
}

// In the background

void TheEnrollment::settle() {
  const std::lock_guard lock(settling_);
  const auto now = services_.clock();
  if (reload_.exchange(false) && !reload()) reload_ = true;
  settle_findings(now);
  (void)failures_.write(*services_.database);
}

void TheEnrollment::settle_findings(Timestamp now) {
  for (const auto& finding : keys_.take_findings()) {
    const auto keys = settle(finding, now);
    // What could not be done is found again: by the next use of the key once it is loaded anew.
    if (keys)
      put(*keys);
    else
      reload_ = true;
  }
}

Result<std::vector<NodeKey>> TheEnrollment::settle(const NodeKeys::Finding& finding, Timestamp now) {
  switch (finding.kind) {
    case NodeKeys::Finding::Kind::first_use:
      return first_use(finding.hash, now);
    case NodeKeys::Finding::Kind::both_alive:
      return tell_apart(finding.hash, finding.rival, now);
    case NodeKeys::Finding::Kind::two_addresses:
      return list_shared(finding, now);
  }
  return {};
}

Result<std::vector<NodeKey>> TheEnrollment::list_shared(const NodeKeys::Finding& finding, Timestamp now) {
  return services_.database->write([&](db::Transaction& transaction) -> Result<std::vector<NodeKey>> {
    if (const auto found = find_key(transaction.sql(), finding.hash))
      add_conflict(transaction, {.identifier = found->machine.identifier,
                                 .host = found->key.host,
                                 .address = finding.address,
                                 .other_host = found->key.host,
                                 .other_address = finding.other_address,
                                 .kind = ConflictKind::shared_key,
                                 .first_at = now,
                                 .last_at = now});
    return std::vector<NodeKey>();
  });
}

Result<std::vector<NodeKey>> TheEnrollment::first_use(const Digest& hash, Timestamp now) {
  return services_.database->write([&](db::Transaction& transaction) -> Result<std::vector<NodeKey>> {
    set_used(transaction.sql(), hash, now);
    const auto found = find_key(transaction.sql(), hash);
    if (!found) return std::vector<NodeKey>();
    std::vector<NodeKey> keys{found->key};
    tell(transaction, keys);
    return keys;
  });
}

// `hash` is used after `rival` has been: two machines. If they are one host, the later one becomes another.
Result<std::vector<NodeKey>> TheEnrollment::tell_apart(const Digest& hash, const Digest& rival, Timestamp now) {
  return services_.database->write([&](db::Transaction& transaction) -> Result<std::vector<NodeKey>> {
    auto& sql = transaction.sql();
    // False: another server was faster, or the key is no more.
    if (!take_rival(sql, hash, rival)) return std::vector<NodeKey>();
    auto former = find_key(sql, hash);
    auto later = find_key(sql, rival);
    if (!former || !later) return std::vector<NodeKey>();
    const bool same = former->key.host == later->key.host;
    if (same) {
      update_machine(sql, former->key.host, former->machine, now);
      const auto secret = secret_by_id(transaction, later->machine.secret);
      const hosts::Details details{{"system_info", {{"uuid", later->machine.hardware}}},
                                   {"osquery_info", {{"instance_id", later->machine.instance}}}};
      const auto tags = secret ? secret->tags : std::vector<hosts::TagId>();
      later->key.host = TRY(services_.hosts->add(transaction, later->machine.identifier, details, tags, now));
      add_machine(sql, later->key.host, later->machine, next_copy(sql, later->machine), now);
      update_key(sql, later->key);
    }
    add_conflict(transaction, {.identifier = former->machine.identifier,
                               .host = former->key.host,
                               .address = former->machine.address,
                               .other_host = later->key.host,
                               .other_address = later->machine.address,
                               .kind = same ? ConflictKind::same_machine : ConflictKind::same_identifier,
                               .first_at = now,
                               .last_at = now});
    std::vector<NodeKey> keys{former->key, later->key};
    tell(transaction, keys);
    return keys;
  });
}

}  // namespace

Result<std::unique_ptr<Enrollment>> open(const Services& services, const Options& options) {
  auto made = std::make_unique<TheEnrollment>(services, options);
  TRY(made->start());
  return made;
}

}  // namespace osprey::server::enrollment
