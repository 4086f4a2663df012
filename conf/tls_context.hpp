// The certificate and key of a listener, checked and ready: what a TLS connection is made from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

struct ssl_ctx_st; // OpenSSL's SSL_CTX

namespace ares {

/// For a server: TLS 1.2 and 1.3, forward-secret AEAD ciphers, no renegotiation, no compression,
/// ALPN `http/1.1`, session tickets under a key of its own. May be shared by threads.
using tls_context = std::shared_ptr<ssl_ctx_st>;

/// Which of the two files is at fault, and why: the end of a sentence without full stop.
struct tls_fault {
  enum class file { certificate, key };
  file at;
  std::string what;
};

/// Reads a certificate with its chain (PEM, the server's own first) and its private key (PEM,
/// without a passphrase).
[[nodiscard]] std::variant<tls_context, tls_fault>
load_tls_context(const std::string& certificate_file, const std::string& key_file);

/// When the certificate ends, in Unix time (s).
[[nodiscard]] std::int64_t certificate_end(const tls_context& context);

} // namespace ares
