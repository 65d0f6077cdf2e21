// The files that tls settings name are read when the configuration is: each wrong one is told at
// its place.
#include "config/pem.hpp"

#include <gmock/gmock.h>

#include "unit/config/certificates.hpp"
#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::Optional;

struct Pairs {
    PemPair one = make_pem_pair();
    PemPair other = make_pem_pair();
};

Pairs const& pairs() {
    static Pairs const made;
    return made;
}

LoadOptions with_files() {
    auto const& [one, other] = pairs();
    auto damaged = one.certificate;
    damaged[damaged.size() / 2] = '!';
    return with({{"SECRET_PATH", "/canary"}}, {{"/cert", one.certificate},
                                               {"/key", one.key},
                                               {"/both", one.certificate + one.key},
                                               {"/chain", one.certificate + other.certificate},
                                               {"/other-key", other.key},
                                               {"/locked", one.encrypted_key},
                                               {"/damaged", damaged},
                                               {"/half", one.certificate + damaged},
                                               {"/text", "not a certificate"},
                                               {"/empty", ""}});
}

std::string listener_with(std::string const& cert, std::string const& key) {
    return "providers: {mock: }\nkeys: {t: {keys: {k: {value: client-key-0123456789}}}}\n"
           "server:\n  listeners:\n    - address: \"127.0.0.1:1\"\n      tls:\n        cert: \"" +
           cert + "\"\n        key: \"" + key + "\"\n";
}

TEST(ListenerFiles, that_belong_together_are_fine) {
    for (auto const& [cert, key] :
         {std::pair("/cert", "/key"), std::pair("/both", "/both"), std::pair("/chain", "/key")}) {
        EXPECT_EQ(load_and_tell(listener_with(cert, key), with_files()), "") << cert;
    }
}

TEST(ListenerFiles, that_are_no_use_are_told_at_their_place) {
    std::string const cert = "x.yaml:7:15: error: server.listeners[0].tls.cert ";
    std::string const key = "x.yaml:8:14: error: server.listeners[0].tls.key ";
    struct {
        char const* cert;
        char const* key;
        std::string expected;
    } const cases[] = {
        {"/nope", "/key", cert + "names a file that cannot be read: \"/nope\""},
        {"/cert", "/nope", key + "names a file that cannot be read: \"/nope\""},
        {"/text", "/key", cert + "names a file that holds no certificate in PEM"},
        {"/empty", "/key", cert + "names a file that holds no certificate in PEM"},
        {"/key", "/key", cert + "names a file that holds no certificate in PEM"},
        {"/damaged", "/key", cert + "names a file that holds a certificate that is damaged"},
        {"/half", "/key", cert + "names a file that holds a certificate that is damaged"},
        {"/cert", "/text", key + "names a file that holds no private key in PEM"},
        {"/cert", "/cert", key + "names a file that holds no private key in PEM"},
        {"/cert", "/locked", key + "names a file that holds a key under a passphrase"},
        {"/cert", "/other-key", key + "does not belong to the first certificate in cert"},
        {"${SECRET_PATH}", "/key", cert + "names a file that cannot be read: \"${SECRET_PATH}\""},
    };
    for (auto const& [cert_file, key_file, expected] : cases) {
        auto const told = load_and_tell(listener_with(cert_file, key_file), with_files());
        EXPECT_TRUE(told.starts_with(expected)) << told << expected;
        EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
        EXPECT_THAT(told, Not(HasSubstr("canary")));
    }
}

TEST(ListenerFiles, both_are_told_at_once) {
    auto const loaded = load_text(listener_with("/nope", "/text"), "x.yaml", with_files());
    EXPECT_EQ(errors_of(loaded).size(), 2U) << told(loaded);
}

TEST(Authorities, are_read_when_the_configuration_is) {
    auto const provider = [](std::string const& ca) {
        return "providers:\n  far:\n    kind: openai_compatible\n    base_url: "
               "\"https://far.example.com/v1\"\n    tls: {ca: \"" +
               ca +
               "\"}\nroutes: {\"*\": far}\n"
               "keys: {t: {keys: {k: {value: client-key-0123456789}}}}\n";
    };
    EXPECT_EQ(load_and_tell(provider("/chain"), with_files()), "");
    EXPECT_THAT(load_and_tell(provider("/nope"), with_files()),
                HasSubstr("x.yaml:5:15: error: providers.far.tls.ca names a file that cannot be "
                          "read: \"/nope\""));
    EXPECT_THAT(load_and_tell(provider("/text"), with_files()),
                HasSubstr("x.yaml:5:15: error: providers.far.tls.ca names a file that holds no "
                          "certificate"));
}

TEST(Pem, a_bundle_of_many_certificates_is_fine) {
    std::string bundle = "# comments are common in these\n";
    for (int i = 0; i < 150; ++i) bundle += pairs().one.certificate + "\n";
    EXPECT_EQ(check_certificates(bundle), std::nullopt);
    EXPECT_THAT(check_certificates("-----BEGIN CERTIFICATE-----\n"),
                Optional(HasSubstr("damaged")));
}

}  // namespace
}  // namespace sluice::config
