// How wide a match can be, by Vectorscan: never narrower than the pattern. Nothing else is left to
// it (docs/adr/0010).
#include <cstdlib>
#include <hs/hs.h>
#include <limits>

#include "guard/pattern.hpp"

namespace sluice::guard {

Result<PatternFacts> measure_pattern(std::string const& pattern) {
    constexpr unsigned flags = HS_FLAG_PREFILTER | HS_FLAG_SINGLEMATCH | HS_FLAG_UTF8;
    hs_expr_info_t* info = nullptr;
    hs_compile_error_t* error = nullptr;
    if (hs_expression_info(pattern.c_str(), flags, &info, &error) != HS_SUCCESS) {
        std::string const why = error ? error->message : "unknown";
        hs_free_compile_error(error);
        return gateway_error(ErrorCode::invalid_request, 400, "cannot be scanned for: " + why);
    }
    PatternFacts facts;
    facts.width_min = info->min_width;
    if (info->max_width != std::numeric_limits<unsigned>::max()) facts.width_max = info->max_width;
    std::free(info);
    return facts;
}

}  // namespace sluice::guard
