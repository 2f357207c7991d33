// The sinks that there are, one file each. Called by make_sink's table only, and by tests.
#pragma once

#include <memory>
#include <string>

#include "agent/logging/kafka_module.h"
#include "agent/logging/sink.h"

namespace osprey::agent {

std::unique_ptr<Sink> filesystem_sink(const SinkParts& parts);
std::unique_ptr<Sink> kafka_sink(const SinkParts& parts);
// For tests: another library than the module's; outlives the sink.
std::unique_ptr<Sink> kafka_sink(const SinkParts& parts, const KafkaModule& module);
std::unique_ptr<Sink> stdout_sink(const SinkParts& parts);
std::unique_ptr<Sink> syslog_sink(const SinkParts& parts);
std::unique_ptr<Sink> tls_sink(const SinkParts& parts);
// What "syslog" is: this, or while --logger_syslog_target is not empty the other. `path` is the daemon's socket.
std::unique_ptr<Sink> local_syslog_sink(const SinkParts& parts, std::string path);
std::unique_ptr<Sink> remote_syslog_sink(const SinkParts& parts);

}  // namespace osprey::agent
