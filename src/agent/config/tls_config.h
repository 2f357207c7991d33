// The `tls` source of the configuration: the fleet's server (compat section 6.3).
#pragma once

#include <string>

#include "agent/config/config_plugin.h"
#include "agent/flags/flags.h"
#include "agent/program.h"
#include "agent/remote/remote.h"

namespace osprey::agent {

class TlsConfig final : public ConfigPlugin, private protocol::PackFiles {
 public:
  struct Options {
    Remote& remote;
    const Interrupt& stop;  // ends a fetch
    std::string endpoint;   // --config_tls_endpoint
    unsigned attempts = 1;  // --config_tls_max_attempts
    // Under our own name the server is told which configuration we have, and may answer that it is still the same.
    bool osquery_compatible = false;
    bool node_api = false;  // --tls_node_api: the configuration may stand below "config"
  };
  explicit TlsConfig(Options options) : options_(std::move(options)) {}
  static Options options_of(const Flags& flags, const Program& program, Remote& remote, const Interrupt& stop);

  // Under our own name the first fetch is one try: the agent starts with what was good last, and asks again.
  Result<Sources> fetch() override;
  const protocol::PackFiles& pack_files() const override { return *this; }

 private:
  Result<std::string> text_of(RemoteReply reply);
  Result<std::string> read(const std::string& path) const override;
  std::vector<std::string> match(const std::string&) const override { return {}; }

  const Options options_;
  bool fetched_ = false;
  // The configuration that the server gave last, where it said how to call it; else both are empty.
  std::string etag_;
  std::string text_;
};

}  // namespace osprey::agent
