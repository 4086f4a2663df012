#include "http/tls_session.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <new>

namespace ares::http {

void tls_session::release::operator()(ssl_st* session) const noexcept {
  SSL_free(session);
}

tls_session::tls_session(ssl_ctx_st& context, int descriptor) : session_(SSL_new(&context)) {
  if (!session_ || SSL_set_fd(session_.get(), descriptor) != 1)
    throw std::bad_alloc();
  SSL_set_accept_state(session_.get());
}

tls_session::progress tls_session::read(void* into, std::size_t bytes_max) {
  if (broken_)
    return {state::failed};
  ERR_clear_error();
  std::size_t bytes = 0;
  const int returned = SSL_read_ex(session_.get(), into, bytes_max, &bytes);
  return judge(returned, bytes);
}

tls_session::progress tls_session::write(const void* from, std::size_t size) {
  if (broken_)
    return {state::failed};
  ERR_clear_error();
  std::size_t bytes = 0;
  const int returned = SSL_write_ex(session_.get(), from, size, &bytes);
  return judge(returned, bytes);
}

tls_session::progress tls_session::judge(int returned, std::size_t bytes) {
  if (returned == 1)
    return {state::done, bytes};
  switch (SSL_get_error(session_.get(), returned)) {
  case SSL_ERROR_WANT_READ: return {state::wants_read};
  case SSL_ERROR_WANT_WRITE: return {state::wants_write};
  case SSL_ERROR_ZERO_RETURN: return {state::ended};
  default: break;
  }
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  failure_ = reason == nullptr ? "the client is gone" : reason;
  broken_ = true;
  ERR_clear_error();
  return {state::failed};
}

bool tls_session::established() const noexcept {
  return SSL_is_init_finished(session_.get()) == 1;
}

bool tls_session::has_input() const noexcept {
  return !broken_ && (SSL_has_pending(session_.get()) == 1 ||
                      (SSL_get_shutdown(session_.get()) & SSL_RECEIVED_SHUTDOWN) != 0);
}

tls_session::state tls_session::look() {
  if (broken_)
    return state::failed;
  ERR_clear_error();
  char byte = 0;
  std::size_t bytes = 0;
  const int returned = SSL_peek_ex(session_.get(), &byte, 1, &bytes);
  return judge(returned, bytes).reached;
}

void tls_session::say_goodbye() noexcept {
  if (broken_ || !established())
    return;
  ERR_clear_error();
  SSL_shutdown(session_.get());
  ERR_clear_error();
  broken_ = true; // nothing may follow
}

std::uint64_t tls_session::bytes_sent() const noexcept {
  return BIO_number_written(SSL_get_wbio(session_.get()));
}

} // namespace ares::http
