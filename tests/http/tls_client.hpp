// A client that speaks TLS, with every handle on it: versions, close_notify, single records.
#pragma once

#include "tests/http/raw_client.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ares::test {

class tls_client {
public:
  struct wishes {
    int version_min = TLS1_2_VERSION;
    int version_max = TLS1_3_VERSION;
    std::vector<std::string> protocols = {}; // ALPN; none: no ALPN
    std::string trusted = {}; // a certificate (PEM file) to verify against; none: no check
    int receive_buffer = 0;
  };

  explicit tls_client(std::uint16_t port) : tls_client(port, wishes{}) {}
  tls_client(std::uint16_t port, const wishes& w)
      : socket_(port, w.receive_buffer), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        tls_(nullptr, SSL_free) {
    SSL_CTX_set_security_level(context_.get(), 0); // or it would not even offer what is old
    SSL_CTX_set_min_proto_version(context_.get(), w.version_min);
    SSL_CTX_set_max_proto_version(context_.get(), w.version_max);
    if (!w.trusted.empty()) {
      SSL_CTX_load_verify_locations(context_.get(), w.trusted.c_str(), nullptr);
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    }
    tls_.reset(SSL_new(context_.get()));
    offer(w.protocols);
    SSL_set_msg_callback(tls_.get(), &tls_client::on_message);
    SSL_set_msg_callback_arg(tls_.get(), this);
    SSL_set_fd(tls_.get(), socket_.descriptor());
    ERR_clear_error();
    connected_ = SSL_connect(tls_.get()) == 1;
    if (!connected_)
      failure_ = ERR_reason_error_string(ERR_peek_last_error());
  }

  [[nodiscard]] bool connected() const { return connected_; }
  /// Why not, in OpenSSL's words.
  [[nodiscard]] std::string failure() const { return failure_; }
  [[nodiscard]] std::string version() const { return SSL_get_version(tls_.get()); }
  [[nodiscard]] std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(tls_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t sent = 0;
      if (SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent) != 1)
        return;
      bytes.remove_prefix(sent);
    }
  }
  void send_close_notify() { SSL_shutdown(tls_.get()); }
  void shut_sending() { socket_.shut_sending(); }
  void reset() { socket_.reset(); }
  bool renegotiate() {
    return SSL_renegotiate(tls_.get()) == 1 && SSL_do_handshake(tls_.get()) == 1;
  }

  bool receive() {
    char buffer[65536];
    std::size_t n = 0;
    ERR_clear_error();
    const int returned = SSL_read_ex(tls_.get(), buffer, sizeof buffer, &n);
    if (returned == 1)
      received_.append(buffer, n);
    else
      was_closed_well_ = SSL_get_error(tls_.get(), returned) == SSL_ERROR_ZERO_RETURN;
    return returned == 1;
  }
  std::string receive_all() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }
  std::string receive_until(std::string_view text) {
    for (;;) {
      const auto at = received_.find(text);
      if (at != received_.npos)
        return take(at + text.size());
      if (!receive())
        return std::exchange(received_, {});
    }
  }
  std::string receive_response() {
    auto head = receive_until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    const std::size_t length = at == head.npos ? 0 : std::stoul(head.substr(at + 16));
    while (received_.size() < length && receive()) {
    }
    return head + take(length);
  }

  /// The end came as a close_notify.
  [[nodiscard]] bool was_closed_well() const { return was_closed_well_; }
  /// Records of application data received so far; of TLS 1.2 only, 1.3 hides what they are.
  [[nodiscard]] int records() const { return records_; }

private:
  static void on_message(int is_write, int, int type, const void* bytes, std::size_t size, SSL*,
                         void* self) {
    if (!is_write && type == SSL3_RT_HEADER && size > 0 &&
        static_cast<const unsigned char*>(bytes)[0] == SSL3_RT_APPLICATION_DATA)
      ++static_cast<tls_client*>(self)->records_;
  }
  void offer(const std::vector<std::string>& protocols) {
    std::string wire;
    for (const auto& p : protocols)
      wire += static_cast<char>(p.size()) + p;
    if (!wire.empty())
      SSL_set_alpn_protos(tls_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned int>(wire.size()));
  }
  std::string take(std::size_t size) {
    auto taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  raw_client socket_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_;
  bool connected_ = false;
  std::string failure_;
  bool was_closed_well_ = false;
  int records_ = 0;
  std::string received_;
};

} // namespace ares::test
