// See price.hpp. Called by load.cpp.
#include "config/price.hpp"

#include "config/named_files.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t list_bytes_max = 1024 * 1024;

}  // namespace

std::vector<PriceList> read_price_lists(std::string const& directory,
                                        std::vector<Problem>& problems) {
    static NamedFiles<PriceList> const files{"price list", "a price list", list_bytes_max,
                                             price_list_description()};
    static BuiltIn<PriceList> const built_in(files, embedded_price_files());
    return read_named_files(files, built_in, directory, problems);
}

}  // namespace sluice::config
