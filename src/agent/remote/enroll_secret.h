// EnrollSecret: what a host proves with that it belongs to the fleet. It never stays where others read it: in a list of
// processes, in osquery_flags, in a log.
#pragma once

#include <string>

#include "agent/flags/flags.h"
#include "base/result.h"

namespace osprey::agent {

// Takes a secret that was given as --enroll_secret out of the flags and the process's arguments, before anybody is
// shown them; it goes on, to a worker too, in the environment. Called once, before there are threads.
void hide_enroll_secret(char** arguments, Flags& flags);

class EnrollSecret {
 public:
  // From --enroll_secret_path, else from the variable that --enroll_secret_env names, else from --enroll_secret. What
  // was in the environment is wiped there. Before there are threads.
  static EnrollSecret of(const Flags& flags);

  // A file is read each time, so that a new secret needs no restart. Empty where there is none: some servers enrol by
  // client certificate.
  Result<std::string> read() const;
  // Where it comes from, for messages: the flag, and its value unless that is the secret.
  const std::string& source() const noexcept { return source_; }

 private:
  std::string path_;
  std::string value_;
  std::string source_;
};

}  // namespace osprey::agent
