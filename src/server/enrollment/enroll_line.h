// The lines that make a machine a host of the fleet.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/enrollment/enrollment.h"

namespace osprey::server::enrollment {

struct EnrollLine {
  std::string secret;
  std::string shell;
  std::vector<std::string> flags;
  std::string certificate;
  std::string fingerprint;
  static constexpr std::string_view kTypeName = "EnrollLine";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(field("secret", &EnrollLine::secret, "The secret's text."),
                      field("shell", &EnrollLine::shell,
                            "To be pasted into a root shell of a machine where ospreyd is installed: writes the "
                            "secret, the certificate and the flags, and starts the agent. Nothing of it shows in a "
                            "list of processes."),
                      field("flags", &EnrollLine::flags,
                            "Flags of ospreyd or osqueryd, a line each, that name the files of `shell`."),
                      field("certificate", &EnrollLine::certificate,
                            "PEM of who vouches for the server; empty: the machine's own authorities do."),
                      field("fingerprint", &EnrollLine::fingerprint,
                            "SHA-256 of its first certificate, to compare; empty without one."));
  }
};

// An error (api::kConflict) where the server has not been told how hosts reach it.
Result<EnrollLine> enroll_line(const Options& options, std::string_view secret);

}  // namespace osprey::server::enrollment
