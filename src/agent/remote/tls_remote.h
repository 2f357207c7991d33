// TlsRemote: the requests of osquery's TLS API to the server that --tls_hostname names.
#pragma once

#include "agent/remote/enrollment.h"
#include "agent/remote/remote.h"

namespace osprey::agent {

class TlsRemote final : public Remote {
 public:
  // Nothing is opened before the first request.
  explicit TlsRemote(RemoteParts parts);

  Result<RemoteReply> send(const RemoteRequest& request, const Interrupt& stop) override;
  // Makes sure that there is a node key.
  Result<void> enrol(const Interrupt& stop);

 private:
  Result<RemoteReply> send_once(const RemoteRequest& request, const Interrupt& stop);
  std::string body_of(const RemoteRequest& request, const std::string& key) const;
  Result<std::string> target_of(const RemoteRequest& request, const std::string& key) const;

  const RemoteParts parts_;
  const bool node_api_;
  Secrets secrets_;
  ServerConnection connection_;
  ServerConnection held_connection_;
  Enrollment enrollment_;
};

}  // namespace osprey::agent
