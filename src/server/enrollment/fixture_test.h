// For tests of enrolment: a server's worth of it on a fresh database, with a clock of the test's.
#pragma once

#include <atomic>

#include "server/agents/fakes_test.h"
#include "server/db/test_database.h"
#include "server/enrollment/enrollment.h"
#include "server/enrollment/secrets.h"

namespace osprey::server::enrollment {

inline constexpr std::string_view kAddress = "192.0.2.1";

class EnrollmentFixture : public db::DatabaseTest {
 protected:
  EnrollmentFixture() {
    migrate(schema());
    services.clock = [this] { return Timestamp{now_ms}; };
    services.database = &database();
    services.hosts = &hosts;
  }

  Timestamp now() const { return {now_ms}; }
  void pass(std::chrono::milliseconds time) { now_ms += time.count(); }

  Enrollment& enrollment() {
    if (!enrollment_) open_with({});
    return *enrollment_;
  }
  void open_with(const Options& options) {
    enrollment_ = nullptr;
    auto opened = open(services, options);
    if (!opened) throw std::runtime_error(opened.error().text());
    enrollment_ = std::move(*opened);
    services.enrollment = enrollment_.get();
  }

  std::int64_t add(NewSecret secret) {
    if (secret.name.empty()) secret.name = secret.text;
    const auto id =
        database().write([&](db::Transaction& transaction) { return add_secret(transaction, secret, now()); });
    if (!id) throw std::runtime_error(id.error().text());
    return *id;
  }
  static Request request(std::string identifier, std::string uuid = "", std::string instance = "") {
    Request made{.secret = "right-secret", .identifier = std::move(identifier), .address = std::string(kAddress)};
    if (!uuid.empty()) made.details["system_info"]["uuid"] = uuid;
    if (!instance.empty()) made.details["osquery_info"]["instance_id"] = instance;
    return made;
  }
  Result<std::string> try_enroll(const Request& request) { return enrollment().enroll(request, now()); }
  std::string enroll(const Request& request) {
    auto key = try_enroll(request);
    if (!key) throw std::runtime_error(key.error().text());
    return *key;
  }
  // The host that the key is known as; -1: memory cannot tell.
  hosts::HostId host_of(const std::string& key) {
    return enrollment().recall(key, kAddress).value_or(Enrollment::Known{-1}).host;
  }
  void revoke(hosts::HostId host, bool may_enroll_again) {
    const auto done = database().write(
        [&](db::Transaction& transaction) { return enrollment().revoke(transaction, host, may_enroll_again, now()); });
    if (!done) throw std::runtime_error(done.error().text());
  }

  std::atomic<std::int64_t> now_ms{1'795'356'245'000};
  agents::FakeHosts hosts;
  Services services;

 private:
  std::unique_ptr<Enrollment> enrollment_;
};

// Waits for what another thread brings about.
template <class F>
bool eventually(F condition) {
  for (int i = 0; i < 4000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace osprey::server::enrollment
