// Certificates with their keys, made when asked for: what configurations name in `tls`.
#pragma once

#include <memory>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string>

namespace sluice::config {

struct PemPair {
    std::string certificate;
    std::string key;
    std::string encrypted_key;
};

inline std::string taken(BIO* bio) {
    char* data = nullptr;
    auto const size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
}

inline PemPair make_pem_pair() {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const key(EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free);
    std::unique_ptr<X509, decltype(&X509_free)> const certificate(X509_new(), X509_free);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
    X509_set_pubkey(certificate.get(), key.get());
    X509_sign(certificate.get(), key.get(), EVP_sha256());

    PemPair pair;
    auto* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate.get());
    pair.certificate = taken(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    pair.key = taken(bio);
    bio = BIO_new(BIO_s_mem());
    char passphrase[] = "canary";
    PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_128_cbc(), passphrase, 6, nullptr,
                                  nullptr);
    pair.encrypted_key = taken(bio);
    return pair;
}

}  // namespace sluice::config
