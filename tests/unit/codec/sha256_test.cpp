// Digests against the published vectors (FIPS 180-4), and hex both ways.
#include "codec/sha256.hpp"

#include <gtest/gtest.h>

namespace sluice::codec {
namespace {

TEST(Sha256, MatchesThePublishedVectors) {
    EXPECT_EQ(to_hex(sha256("")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, ReadsItsOwnHexInEitherCase) {
    auto const digest = sha256("abc");
    auto hex = to_hex(digest);
    EXPECT_EQ(sha256_from_hex(hex), digest);
    for (auto& c : hex) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_EQ(sha256_from_hex(hex), digest);
}

TEST(Sha256, RefusesWhatIsNoDigest) {
    EXPECT_FALSE(sha256_from_hex(""));
    EXPECT_FALSE(sha256_from_hex(std::string(63, 'a')));
    EXPECT_FALSE(sha256_from_hex(std::string(65, 'a')));
    EXPECT_FALSE(sha256_from_hex(std::string(63, 'a') + "g"));
}

TEST(Sha256, ComparesWhole) {
    auto other = sha256("abc");
    EXPECT_TRUE(equal_in_constant_time(other, sha256("abc")));
    other[31] ^= 1U;
    EXPECT_FALSE(equal_in_constant_time(other, sha256("abc")));
}

}  // namespace
}  // namespace sluice::codec
