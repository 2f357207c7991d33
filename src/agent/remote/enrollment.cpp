#include "agent/remote/enrollment.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/remote/reply.h"
#include "agent/remote/server_settings.h"
#include "base/json.h"

namespace osprey::agent {
namespace {

using std::chrono::seconds;

constexpr std::string_view kNodeKey = "identity.node_key";  // of the identity that outlives a damaged store
constexpr auto kFamily = store::Family::configuration;
constexpr std::string_view kPlatformType = "9";  // osquery's bits for POSIX and Linux

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

Enrollment::Enrollment(const RemoteParts& parts, Secrets& secrets, ServerConnection& connection)
    : parts_(parts),
      secrets_(secrets),
      connection_(connection),
      osquery_(parts.program.osquery_compatible),
      endpoint_(path_of(parts.flags.text("enroll_tls_endpoint"))) {
  // osquery's flag counts only where the configuration comes from the server too.
  const bool anew = parts.flags.boolean("enroll_always") && (!osquery_ || parts.flags.text("config_plugin") == "tls");
  if (!anew) key_ = parts.store.get(kFamily, kNodeKey).value_or(std::nullopt).value_or("");
  secrets_.add(key_);
}

Result<std::string> Enrollment::node_key(const Interrupt& stop) {
  if (parts_.flags.boolean("disable_enrollment")) return std::string();
  if (auto key = known_key(); !key.empty()) return key;
  const auto alone = lock_unless_stopped(enrolling_, stop);
  if (!alone) return failure(server_of(parts_.flags), "interrupted");
  if (auto key = known_key(); !key.empty()) return key;
  if (!osquery_) return try_to_enrol(stop);
  const auto most = parts_.flags.number("tls_enroll_max_attempts");
  for (std::int64_t attempt = 1;; ++attempt) {
    auto key = try_to_enrol(stop);
    if (key || attempt == most) return key;
    parts_.status.warning(fmt::format("Failed enrollment request to {}{} ({}) retrying...", server_of(parts_.flags),
                                      endpoint_, key.error().text()));
    if (!parts_.pause(delay_after(static_cast<std::uint64_t>(attempt)), stop)) return key;
  }
}

Result<std::string> Enrollment::try_to_enrol(const Interrupt& stop) {
  {
    std::lock_guard lock(mutex_);
    if (const auto now = parts_.now(); now < next_try_)
      return failure(server_of(parts_.flags),
                     fmt::format("{}; the next try is in {} s",
                                 failures_ > 0 ? last_failure_ : "it does not know the node keys that it gives",
                                 std::chrono::ceil<seconds>(next_try_ - now).count()));
  }
  auto key = request_key(stop);
  if (!key) {
    if (!stop.requested()) failed(key.error());
    return key;
  }
  keep(*key);
  if (!osquery_)
    parts_.status.info(fmt::format("enrolled with {} as {}{}", server_of(parts_.flags), parts_.host_identifier(),
                                   failures_ > 0 ? fmt::format(", after {} failures", failures_) : ""));
  failures_ = 0;
  last_failure_.clear();
  return key;
}

Result<std::string> Enrollment::request_key(const Interrupt& stop) {
  const auto body = fmt::format(R"({{{}:{},"host_identifier":{},"platform_type":"{}","host_details":{}}})",
                                json_string(parts_.flags.text("tls_enroll_override")), json_string(TRY(secret())),
                                json_string(parts_.host_identifier()), kPlatformType, parts_.host_details());
  ServerRequest request;
  request.target = endpoint_ + TRY(secret_query());
  request.body = body;
  request.evaluate = false;
  const auto reply = connection_.ask(request, stop);
  if (!reply) return std::unexpected(reply.error().error);
  auto key = read_node_key(reply->body, osquery_);
  if (key) {
    secrets_.add(*key);
    return std::move(*key);
  }
  if (osquery_) return failure({}, key.error().reason);
  return failure(server_of(parts_.flags) + endpoint_,
                 fmt::format("{} ({})", secrets_.hidden_in(key.error().reason),
                             TRY(secret()).empty() ? "no secret was given: see --enroll_secret_path"
                                                   : "the secret is that of " + parts_.secret.source()));
}

Result<std::string> Enrollment::secret() const {
  auto secret = TRY(parts_.secret.read());
  secrets_.add(secret);
  return secret;
}

Result<std::string> Enrollment::secret_query() const {
  if (!parts_.flags.boolean("tls_secret_always")) return std::string();
  return fmt::format("?{}={}", parts_.flags.text("tls_enroll_override"), in_target(TRY(secret())));
}

std::string Enrollment::known_key() const {
  std::lock_guard lock(mutex_);
  return key_;
}

void Enrollment::keep(const std::string& key) {
  store::Batch batch;
  batch.put(kFamily, kNodeKey, key);
  std::lock_guard lock(mutex_);
  key_ = key;
  proven_ = false;
  // A store that cannot be written costs the key its permanence only: the host enrols again at the next start.
  if (const auto written = parts_.store.write(batch); !written)
    parts_.status.warning(fmt::format("the node key cannot be kept: {}", written.error().text()));
}

void Enrollment::refused(const std::string& key) {
  std::lock_guard lock(mutex_);
  if (key.empty() || key != key_ || parts_.flags.boolean("disable_reenrollment")) return;
  // A key that has worked is replaced at once. A server that knows none of the keys it gives is asked ever less often.
  if (proven_) {
    disowned_ = 0;
  } else {
    ++disowned_;
    next_try_ = parts_.now() + jittered(delay_after(disowned_));
  }
  key_.clear();
  store::Batch batch;
  batch.erase(kFamily, kNodeKey);
  static_cast<void>(parts_.store.write(batch));  // else the server says it again
  if (!osquery_)
    parts_.status.warning(
        fmt::format("{} does not know this host's node key: it enrols again", server_of(parts_.flags)));
}

void Enrollment::accepted(const std::string& key) {
  std::lock_guard lock(mutex_);
  if (key != key_) return;
  proven_ = true;
  disowned_ = 0;
}

// Under osquery's name who asks for the key waits and tells.
void Enrollment::failed(const Error& error) {
  if (osquery_) return;
  ++failures_;
  {
    std::lock_guard lock(mutex_);
    next_try_ = parts_.now() + jittered(delay_after(failures_));
  }
  if (std::exchange(last_failure_, error.message) != error.message)
    parts_.status.warning(fmt::format("this host cannot enrol, and tries again: {}", error.text()));
}

// n² seconds, --tls_enroll_max_interval at most; under our own name only that after --tls_enroll_max_attempts.
seconds Enrollment::delay_after(std::uint64_t failures) const {
  constexpr std::int64_t kLongest = 86'400;
  const seconds longest(std::clamp<std::int64_t>(parts_.flags.number("tls_enroll_max_interval"), 1, kLongest));
  const auto most = parts_.flags.number("tls_enroll_max_attempts");
  if (!osquery_ && most > 0 && failures >= static_cast<std::uint64_t>(most)) return longest;
  return std::min(square_of(failures), longest);
}

}  // namespace osprey::agent
