// What a run has shown.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "fleet/options.h"
#include "fleet/processes.h"
#include "fleet/shared.h"

namespace osprey::fleet {

// What the first process measures around the workers.
struct Course {
  double enrolling = 0, connecting = 0;  // seconds
  double measured = 0;                   // seconds
  std::uint32_t connections = 0;         // open when the turns began
  std::uint32_t connections_at_end = 0;
  struct Watched {
    Cost at_start, connected, measuring, end;
  } simulator, server, database;
};

boost::json::object report(const Options& options, const Shared& shared, const Course& course);

// The same as a page of text.
std::string as_text(const boost::json::object& report);

}  // namespace osprey::fleet
