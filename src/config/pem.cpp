// See pem.hpp.
#include "config/pem.hpp"

#include <memory>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace sluice::config {
namespace {

template <auto free>
struct Freed {
    template <class T>
    void operator()(T* it) const {
        free(it);
    }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

// What a failure leaves in the thread's queue would be taken for the next one's.
struct ErrorsCleared {
    ErrorsCleared() { ERR_clear_error(); }
    ~ErrorsCleared() { ERR_clear_error(); }
    ErrorsCleared(ErrorsCleared const&) = delete;
    ErrorsCleared& operator=(ErrorsCleared const&) = delete;
};

Bio over(std::string_view text) {
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Nobody is there to type one.
int no_passphrase(char*, int, int, void*) { return 0; }

Certificate next_certificate(BIO* from) {
    return Certificate(PEM_read_bio_X509_AUX(from, nullptr, no_passphrase, nullptr));
}

PrivateKey read_private_key(std::string_view pem) {
    auto const from = over(pem);
    return PrivateKey(PEM_read_bio_PrivateKey(from.get(), nullptr, no_passphrase, nullptr));
}

// Was the end of the text what ended the reading of certificates?
bool has_ended() {
    auto const error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

}  // namespace

std::optional<std::string> check_certificates(std::string_view pem) {
    ErrorsCleared const cleared;
    auto const from = over(pem);
    bool has_one = false;
    while (next_certificate(from.get())) has_one = true;
    if (!has_ended()) return "holds a certificate that is damaged";
    if (!has_one) return "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)";
    return std::nullopt;
}

std::optional<std::string> check_private_key(std::string_view pem) {
    ErrorsCleared const cleared;
    if (read_private_key(pem)) return std::nullopt;
    if (pem.find("ENCRYPTED") != pem.npos) {
        return "holds a key under a passphrase; store it without one (openssl pkey)";
    }
    return "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)";
}

bool is_key_of(std::string_view key_pem, std::string_view chain_pem) {
    ErrorsCleared const cleared;
    auto const chain = over(chain_pem);
    auto const certificate = next_certificate(chain.get());
    auto const key = read_private_key(key_pem);
    return certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
}

}  // namespace sluice::config
