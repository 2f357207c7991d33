// Every kind of event that there is: each has a family of the journal.
#pragma once

#include <array>
#include <bitset>
#include <string_view>
#include <tuple>
#include <variant>

#include "events/kinds/file_event.h"
#include "events/kinds/host_event.h"
#include "events/kinds/network_event.h"
#include "events/kinds/process_event.h"
#include "events/kinds/security_event.h"

namespace osprey::events {

// Whoever is given one reads or changes it before it returns: texts are views into the giver's bytes.
using AnyEvent =
    std::variant<ProcessEvent*, ExitEvent*, SocketEvent*, DnsEvent*, FileEvent*, ProcessFileEvent*, KernelModuleEvent*,
                 PrivilegeEvent*, NamespaceEvent*, PtraceEvent*, BpfLoadEvent*, UserEvent*, MacEvent*, AppArmorEvent*,
                 SeccompEvent*, AuthenticationEvent*, HardwareEvent*, SyslogEvent*, ContainerEvent*, YaraEvent*>;

inline constexpr std::size_t kKinds = std::variant_size_v<AnyEvent>;

// A kind is its place in AnyEvent, and its family's in the journal.
using Kinds = std::bitset<kKinds>;

namespace detail {
template <class Event, std::size_t I = 0>
consteval std::size_t kind_of() {
  static_assert(I < kKinds, "not a kind of event: see AnyEvent");
  if constexpr (std::is_same_v<std::variant_alternative_t<I, AnyEvent>, Event*>)
    return I;
  else
    return kind_of<Event, I + 1>();
}
template <std::size_t... I>
constexpr std::array<std::string_view, sizeof...(I)> families(std::index_sequence<I...>) {
  return {std::remove_pointer_t<std::variant_alternative_t<I, AnyEvent>>::kFamily...};
}
}  // namespace detail

template <class Event>
inline constexpr std::size_t kKind = detail::kind_of<Event>();

// By kind.
inline constexpr auto kFamilies = detail::families(std::make_index_sequence<kKinds>());

}  // namespace osprey::events
