// Targets: which hosts a question is for.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "server/hosts/hosts.h"
#include "server/live/live.h"

namespace osprey::server::live {

// As they are now. An error tells what is wrong with the target, or why it means nobody.
Result<std::vector<hosts::HostPtr>> hosts_for(const Target& target, hosts::Hosts& hosts,
                                              const std::function<Result<hosts::TagId>(std::string_view)>& tag_by_name);

}  // namespace osprey::server::live
