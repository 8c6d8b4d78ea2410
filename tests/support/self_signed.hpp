// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

/// A certificate that signed itself, made anew and written as `name`.crt and `name`.key.
struct self_signed {
  struct options {
    std::chrono::seconds from = -std::chrono::hours(1);  // from now
    std::chrono::seconds until = std::chrono::hours(24 * 90);
    unsigned rsa_bits = 0;  // 0: a P-256 key
    int serial = 1;         // tells two apart
  };

  std::string certificate;
  std::string key;

  self_signed(const std::filesystem::path& folder, const std::string& name)
      : self_signed(folder, name, options()) {}
  self_signed(const std::filesystem::path& folder, const std::string& name, const options& wanted)
      : certificate((folder / (name + ".crt")).string()), key((folder / (name + ".key")).string()) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair(
        wanted.rsa_bits == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(wanted.rsa_bits), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
    require(pair && made);
    require(X509_set_version(made.get(), 2));
    require(ASN1_INTEGER_set(X509_get_serialNumber(made.get()), wanted.serial));
    require(X509_gmtime_adj(X509_getm_notBefore(made.get()), wanted.from.count()) != nullptr);
    require(X509_gmtime_adj(X509_getm_notAfter(made.get()), wanted.until.count()) != nullptr);
    require(X509_set_pubkey(made.get(), pair.get()));
    X509_NAME* const subject = X509_get_subject_name(made.get());
    require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                       reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0));
    require(X509_set_issuer_name(made.get(), subject));
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> names(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1"),
        X509_EXTENSION_free);
    require(names && X509_add_ext(made.get(), names.get(), -1));
    require(X509_sign(made.get(), pair.get(), EVP_sha256()) != 0);
    const auto write = [](const std::string& path, auto how) {
      const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "w"),
                                                                    std::fclose);
      require(file && how(file.get()) == 1);
    };
    write(certificate, [&](std::FILE* file) { return PEM_write_X509(file, made.get()); });
    write(key, [&](std::FILE* file) {
      return PEM_write_PrivateKey(file, pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

 private:
  static void require(bool done) {
    if (!done) throw std::runtime_error("self_signed: OpenSSL could not make the certificate");
  }
};
