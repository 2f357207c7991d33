// The module "systemd": what linux/dbus/systemd_module.h promises, by sd-bus and sd-journal.
#include "linux/dbus/systemd_module.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-journal.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "base/module_entry.h"

namespace osprey::linux {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";

template <class T, T* (*unref)(T*)>
struct Unref {
  void operator()(T* object) const { unref(object); }
};
using Bus = std::unique_ptr<sd_bus, Unref<sd_bus, sd_bus_close_unref>>;
using Message = std::unique_ptr<sd_bus_message, Unref<sd_bus_message, sd_bus_message_unref>>;

struct BusError {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  ~BusError() { sd_bus_error_free(&error); }
};

class Connection : public SystemdConnection {
 public:
  Connection(std::string address, Bus bus) : address_(std::move(address)), bus_(std::move(bus)) {}

  Result<std::vector<SystemdUnit>> units() override {
    const auto request = TRY(method_call("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "ListUnits"));
    const auto reply = TRY(call(request.get()));
    std::vector<SystemdUnit> units;
    int code = sd_bus_message_enter_container(reply.get(), 'a', "(ssssssouso)");
    while (code >= 0) {
      const char* id = nullptr;
      const char* description = nullptr;
      const char* load = nullptr;
      const char* active = nullptr;
      const char* sub = nullptr;
      const char* following = nullptr;
      const char* path = nullptr;
      std::uint32_t job = 0;
      const char* job_type = nullptr;
      const char* job_path = nullptr;
      code = sd_bus_message_read(reply.get(), "(ssssssouso)", &id, &description, &load, &active, &sub, &following,
                                 &path, &job, &job_type, &job_path);
      if (code == 0) return units;
      if (code > 0) units.push_back({id, description, load, active, sub, following, path, job, job_type, job_path});
    }
    return system_failure(-code, address_);
  }

  Result<std::string> text_property(const std::string& object, const char* interface, const char* name) override {
    const auto request = TRY(method_call(object.c_str(), "org.freedesktop.DBus.Properties", "Get"));
    if (const int code = sd_bus_message_append(request.get(), "ss", interface, name); code < 0)
      return system_failure(-code, object);
    const auto reply = TRY(call(request.get()));
    const char* text = nullptr;
    if (const int code = sd_bus_message_read(reply.get(), "v", "s", &text); code < 0)
      return system_failure(-code, object);
    return text;
  }

 private:
  Result<Message> method_call(const char* object, const char* interface, const char* member) const {
    sd_bus_message* message = nullptr;
    int code = sd_bus_message_new_method_call(bus_.get(), &message, kService, object, interface, member);
    Message owned(message);
    if (code >= 0) code = sd_bus_message_set_auto_start(message, 0);
    if (code < 0) return system_failure(-code, object);
    return owned;
  }

  Result<Message> call(sd_bus_message* request) const {
    BusError error;
    sd_bus_message* reply = nullptr;
    const int code = sd_bus_call(bus_.get(), request, kTimeoutMicroseconds, &error.error, &reply);
    Message owned(reply);
    if (code >= 0) return owned;
    if (sd_bus_error_has_name(&error.error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
        sd_bus_error_has_name(&error.error, SD_BUS_ERROR_SERVICE_UNKNOWN))
      return system_failure(ENOENT, kService);
    auto failed = system_failure(-code, address_);
    if (error.error.message) failed.error().message = error.error.message;
    return failed;
  }

  std::string address_;
  Bus bus_;
};

// Until the bus has let us in. sd_bus_call() would wait for that itself, much longer than we may.
int wait_until_ready(sd_bus* bus) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::microseconds(SystemdConnection::kTimeoutMicroseconds);
  for (;;) {
    if (const int ready = sd_bus_is_ready(bus); ready != 0) return ready;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now()).count();
    if (left <= 0) return -ETIMEDOUT;
    int code = sd_bus_process(bus, nullptr);
    if (code == 0) code = sd_bus_wait(bus, static_cast<std::uint64_t>(left));
    if (code < 0 && code != -EINTR) return code;
  }
}

Result<std::unique_ptr<SystemdConnection>> connect(const std::string& address) {
  sd_bus* bus = nullptr;
  int code = sd_bus_new(&bus);
  Bus owned(bus);
  if (code >= 0) code = sd_bus_set_address(bus, address.c_str());
  if (code >= 0) code = sd_bus_set_bus_client(bus, 1);
  if (code >= 0) code = sd_bus_set_method_call_timeout(bus, SystemdConnection::kTimeoutMicroseconds);
  if (code >= 0) code = sd_bus_start(bus);
  if (code >= 0) code = wait_until_ready(bus);
  if (code < 0) return system_failure(-code, address);
  return std::make_unique<Connection>(address, std::move(owned));
}

constexpr std::size_t kLongestField = 64 << 10;
constexpr int kMostDamaged = 1000;  // entries, one after the other

class Journal : public JournalReader {
 public:
  explicit Journal(sd_journal* journal) : journal_(journal) {}
  ~Journal() override { sd_journal_close(journal_); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  int seek(const std::string& cursor) {
    if (!cursor.empty() && sd_journal_seek_cursor(journal_, cursor.c_str()) >= 0) {
      const int found = sd_journal_next(journal_);
      if (found < 0) return found;
      if (found > 0 && sd_journal_test_cursor(journal_, cursor.c_str()) > 0) return 0;
      // It has been removed with all that is older: what is there came later.
      if (found > 0) return sd_journal_seek_cursor(journal_, cursor.c_str());
    }
    int code = sd_journal_seek_tail(journal_);
    if (code >= 0) code = sd_journal_previous(journal_);
    return code == 0 ? sd_journal_seek_head(journal_) : code;
  }

  int descriptor() override { return sd_journal_get_fd(journal_); }

  Result<void> changed() override {
    if (const int code = sd_journal_process(journal_); code < 0) return system_failure(-code, "journal");
    return {};
  }

  Result<bool> next(JournalEntry& entry) override {
    for (int left = kMostDamaged; left > 0; --left) {
      const int code = sd_journal_next(journal_);
      if (code < 0 && code != -EBADMSG) return system_failure(-code, "journal");
      if (code == 0) return false;
      entry = {};
      if (code > 0 && read(entry)) return true;
      ++skipped;
    }
    return system_failure(EBADMSG, "journal");
  }

  Result<std::string> cursor() override {
    char* text = nullptr;
    const int code = sd_journal_get_cursor(journal_, &text);
    if (code == -EADDRNOTAVAIL) return std::string();
    if (code < 0) return system_failure(-code, "journal");
    std::string cursor(text);
    ::free(text);
    return cursor;
  }

 private:
  bool read(JournalEntry& entry) {
    if (sd_journal_get_realtime_usec(journal_, &entry.realtime) < 0) return false;
    entry.message = text("MESSAGE");
    entry.message_id = text("MESSAGE_ID");
    entry.identifier = text("SYSLOG_IDENTIFIER");
    entry.process = text("SYSLOG_PID");
    entry.priority = number<std::int64_t>("PRIORITY");
    entry.facility = number<std::uint32_t>("SYSLOG_FACILITY");
    entry.host = text("_HOSTNAME");
    entry.command = text("_COMM");
    entry.executable = text("_EXE");
    entry.command_line = text("_CMDLINE");
    entry.unit = text("_SYSTEMD_UNIT");
    entry.cgroup = text("_SYSTEMD_CGROUP");
    entry.pid = number<std::int64_t>("_PID");
    entry.uid = number<std::uint32_t>("_UID");
    entry.gid = number<std::uint32_t>("_GID");
    entry.login_uid = number<std::uint32_t>("_AUDIT_LOGINUID");
    entry.session = number<std::uint32_t>("_AUDIT_SESSION");
    return true;
  }

  std::string_view view(const char* field) {
    const void* data = nullptr;
    std::size_t size = 0;
    if (sd_journal_get_data(journal_, field, &data, &size) < 0) return {};
    const std::string_view assignment(static_cast<const char*>(data), size);
    return assignment.substr(std::min(std::strlen(field) + 1, size));
  }
  std::string text(const char* field) { return std::string(view(field).substr(0, kLongestField)); }
  template <class T>
  std::optional<T> number(const char* field) {
    const auto digits = view(field);
    T value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  }

  sd_journal* journal_;
};

Result<std::unique_ptr<JournalReader>> open_journal(const std::string& directory, const std::string& cursor) {
  sd_journal* opened = nullptr;
  const int code = directory.empty() ? sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY)
                                     : sd_journal_open_directory(&opened, directory.c_str(), 0);
  if (code < 0) return system_failure(-code, directory.empty() ? "journal" : directory);
  auto journal = std::make_unique<Journal>(opened);
  sd_journal_set_data_threshold(opened, kLongestField);
  // The first call begins to watch: what is written from here on is not missed.
  if (const int watched = journal->descriptor(); watched < 0) return system_failure(-watched, "journal");
  if (const int sought = journal->seek(cursor); sought < 0) return system_failure(-sought, "journal");
  return journal;
}

}  // namespace
}  // namespace osprey::linux

OSPREY_MODULE(osprey::linux::SystemdModule) = {.connect = osprey::linux::connect,
                                               .open_journal = osprey::linux::open_journal};
