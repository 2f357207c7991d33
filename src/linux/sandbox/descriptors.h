// Messages of a sequenced-packet socket that carry open descriptors (SCM_RIGHTS, unix(7)).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::linux {

inline constexpr std::size_t kMaxDescriptorsSent = 8;

// `flags` of sendmsg(2) besides MSG_NOSIGNAL.
Result<void> send_with_descriptors(int socket, std::string_view bytes, std::span<const int> descriptors, int flags = 0);

// Waits for a message and takes as many of its bytes as fit `buffer`, which is cut to them where `length` is given, and
// its descriptors. An error at the end of the connection too.
Result<std::vector<UniqueFd>> receive_with_descriptors(int socket, std::span<char> buffer,
                                                       std::size_t* length = nullptr);

}  // namespace osprey::linux
