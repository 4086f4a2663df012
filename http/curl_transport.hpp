// Outbound HTTP: one thread that drives libcurl's multi interface.
#pragma once

#include "actors/providers/transport.hpp"

#include <memory>
#include <string>

namespace ares {

/// HTTP/1.1 over TCP or TLS (certificates are verified), connections kept alive and used again.
/// No redirect is followed and no proxy of the environment is used: a prompt goes where the
/// configuration says and nowhere else. A kept connection that turns out to be dead is replaced
/// once, by libcurl, as long as no byte of an answer came.
///
/// The deadline runs from `start`. A transfer that is cancelled or late has its connection closed
/// at once.
class curl_transport final : public transport {
public:
  /// `ca_file`: PEM file of the authorities to trust; empty: the distribution's.
  explicit curl_transport(std::string ca_file = {});
  /// Ends what is under way as cancelled. No listener hears anything afterwards.
  ~curl_transport() override;
  curl_transport(const curl_transport&) = delete;
  curl_transport& operator=(const curl_transport&) = delete;

  transfer start(transfer_request request, std::shared_ptr<transfer_listener> listener) override;
  void resume(transfer t) override;
  void cancel(transfer t) override;

private:
  class worker;
  std::unique_ptr<worker> worker_;
};

} // namespace ares
