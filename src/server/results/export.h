// Export: all lines that a filter finds.
#pragma once

#include "server/api/export.h"
#include "server/results/search.h"
#include "server/services.h"

namespace osprey::server::results {

// Reads page after page, each on a worker, as the reader takes what came before. `services` outlives it.
void export_lines(Filter filter, api::ExportFormat format, const Services& services, http::Responder responder);

}  // namespace osprey::server::results
