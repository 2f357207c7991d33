// Server: every part of the fleet server, made in order, wired to each other, and taken down again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/options.h"
#include "server/time.h"

namespace osprey::server {

class Server {
 public:
  virtual ~Server() = default;  // stops
  virtual std::uint16_t port() const = 0;
  // "https://…", as hosts and people reach it.
  virtual std::string url() const = 0;
  // PEM file of who vouches for the server's certificate; empty where it was given one.
  virtual std::string authority() const = 0;
  // SHA-256 of that certificate, as "AB:CD:…"; empty likewise.
  virtual std::string fingerprint() const = 0;
  // Of the administrator that the first start made; empty on any other.
  virtual std::string first_password() const = 0;
  virtual Result<void> reload_certificate() = 0;
};

// Migrates the database, loads what memory holds, listens.
Result<std::unique_ptr<Server>> serve(const Options& options, Clock clock);

// Brings the database up to date.
Result<void> migrate(const Options& options);
// The new one.
Result<std::string> reset_password(const Options& options, Clock clock);

}  // namespace osprey::server
