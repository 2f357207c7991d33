#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace osprey {

bool Error::absent() const noexcept { return code == ENOENT || code == ENOTDIR || code == ESRCH; }

bool Error::denied() const noexcept { return code == EACCES || code == EPERM; }

std::string Error::text() const { return subject.empty() ? message : subject + ": " + message; }

std::unexpected<Error> failure(std::string subject, std::string message) {
  return std::unexpected(Error{0, std::move(subject), std::move(message)});
}

std::unexpected<Error> system_failure(int code, std::string subject) {
  return std::unexpected(Error{code, std::move(subject), ::strerror(code)});
}

std::unexpected<Error> system_failure(std::string subject) { return system_failure(errno, std::move(subject)); }

}  // namespace osprey
