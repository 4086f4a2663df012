// An upstream behind TLS with a certificate made on the spot.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

namespace ares {

/// A key and a self-signed certificate for `name` (as in `IP:127.0.0.1` or `DNS:example.com`).
class self_signed {
public:
  explicit self_signed(const char* name)
      : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
    std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes to peers that have hung up
    X509* x = certificate_.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key_.get());
    X509_NAME* subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("stand-in"), -1, -1, 0);
    X509_set_issuer_name(x, subject);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name);
    X509_add_ext(x, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(x, key_.get(), EVP_sha256());

    write(path_, [x](FILE* file) { PEM_write_X509(file, x); });
    write(key_path_, [this](FILE* file) {
      PEM_write_PrivateKey(file, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });

    context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_certificate(context_.get(), x);
    SSL_CTX_use_PrivateKey(context_.get(), key_.get());
  }
  self_signed(const self_signed&) = delete;
  self_signed& operator=(const self_signed&) = delete;
  ~self_signed() {
    std::remove(path_);
    std::remove(key_path_);
  }

  [[nodiscard]] std::string pem_file() const { return path_; }
  [[nodiscard]] std::string key_file() const { return key_path_; }

  /// Shakes hands on `socket`, reads once, answers with `answer` and closes. False if the peer did
  /// not like it.
  bool serve(int socket, const std::string& answer) {
    std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(tls.get(), socket);
    char bytes[65536];
    if (SSL_accept(tls.get()) != 1 || SSL_read(tls.get(), bytes, sizeof bytes) <= 0)
      return false;
    SSL_write(tls.get(), answer.data(), static_cast<int>(answer.size()));
    SSL_shutdown(tls.get());
    return true;
  }

private:
  template <class Content> static void write(char* path, Content content) {
    const int file = mkstemp(path);
    FILE* stream = file < 0 ? nullptr : fdopen(file, "w");
    if (!stream)
      throw std::runtime_error("no file for a certificate");
    content(stream);
    fclose(stream);
  }

  char path_[32] = "/tmp/ares-tls-XXXXXX";
  char key_path_[32] = "/tmp/ares-tls-XXXXXX";
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, SSL_CTX_free};
};

} // namespace ares
