#include "conf/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <new>
#include <string_view>

namespace ares {
namespace {

// TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325, 4.2). Those of TLS 1.3 all
// have both.
constexpr char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// RFC 7301: a client that offers other protocols only is refused (as a defence against bytes meant
/// for another service); one that offers none speaks HTTP.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char spoken[] = "\x08http/1.1\x08http/1.0";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, spoken, sizeof spoken - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

/// Nobody is there to type one, and OpenSSL would ask the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::string why_unreadable(const std::string& file) {
  std::FILE* const opened = std::fopen(file.c_str(), "re");
  if (opened == nullptr)
    return "\"" + file + "\" cannot be read: " + std::strerror(errno);
  std::fclose(opened);
  return {};
}

/// What OpenSSL has to say about what just failed.
std::string last_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "unknown reason" : reason;
}

bool is_mismatch() {
  const auto code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_X509 && (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
                                               ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH);
}

tls_context empty_context() {
  tls_context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context)
    throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Requests say themselves how long they are, so a bare FIN hides nothing.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1); // a record in one system call
  SSL_CTX_set_cipher_list(context.get(), ciphers);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF); // tickets need none
  SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context.get(), &no_passphrase);
  return context;
}

} // namespace

std::variant<tls_context, tls_fault> load_tls_context(const std::string& certificate_file,
                                                      const std::string& key_file) {
  using file = tls_fault::file;
  if (auto bad = why_unreadable(certificate_file); !bad.empty())
    return tls_fault{file::certificate, bad};
  if (auto bad = why_unreadable(key_file); !bad.empty())
    return tls_fault{file::key, bad};
  auto context = empty_context();
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1)
    return tls_fault{file::certificate,
                     "\"" + certificate_file +
                         "\" is not a usable certificate (PEM): " + last_reason()};
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_check_private_key(context.get()) == 1)
    return context;
  if (is_mismatch())
    return tls_fault{file::key, "\"" + key_file + "\" is not the key of the certificate in \"" +
                                    certificate_file + "\""};
  return tls_fault{file::key, "\"" + key_file +
                                  "\" is not a usable private key (PEM, without a passphrase): " +
                                  last_reason()};
}

std::int64_t certificate_end(const tls_context& context) {
  std::tm end{};
  const X509* own = SSL_CTX_get0_certificate(context.get());
  if (own == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(own), &end) != 1)
    return 0;
  return timegm(&end);
}

} // namespace ares
