// The description of lists of networks: trusted_proxies, allow_from. See describe.hpp.
#include "config/describe.hpp"

namespace sluice::config {

Binding<IpRanges> describe_networks() {
    auto const says = "an IP address, a network such as 192.0.2.0/24, or unix";
    auto const plain = text(says, nullptr, "^(unix|[0-9a-fA-F:.]+(/[0-9]{1,3})?)$");
    Binding<IpRange> one;
    one.shape = plain.shape;
    one.read = [read = plain.read](Reader& reader, Node const& node, IpRange& out) {
        std::string given;
        auto const errors = reader.error_count();
        read(reader, node, given);
        if (reader.error_count() != errors) return;
        std::string why;
        auto const range = IpRange::parse(given, why);
        if (!range) return reader.error(node.place, why);
        out = *range;
    };
    one.show = [](IpRange const& range) { return Json(range.text()); };
    return list(one, 0, 1000);
}

}  // namespace sluice::config
