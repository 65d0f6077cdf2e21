// What a PEM text must hold to be of use: checks that tell a wrong file when the configuration is
// loaded, at its place, and not when a socket is opened. Called by describe_server and
// describe_provider; calls OpenSSL's crypto library. Pure; no message holds any of the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::config {

// nullopt = fine; else what is wrong, to follow "names a file that ".
std::optional<std::string> check_certificates(std::string_view pem);  // one or more
std::optional<std::string> check_private_key(std::string_view pem);

// Both have passed the checks above.
bool is_key_of(std::string_view key_pem, std::string_view chain_pem);

}  // namespace sluice::config
