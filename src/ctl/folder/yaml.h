// YAML as people read it and git compares it: the same value gives the same text.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace osprey::ctl {

// Members in their order, texts of several lines as blocks; what YAML would take for something else is quoted. Ends in
// a line feed.
std::string yaml_text(const boost::json::value& value);

}  // namespace osprey::ctl
