// One call on the wire. The hot path of streams: bytes are decoded on the transport's thread, and
// deltas go from there straight to the listener; the provider actor hears of the end only.
#pragma once

#include "actors/providers/answer_decoder.hpp"
#include "actors/providers/provider.hpp"
#include "conf/clock.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace ares {

/// Names a call within its provider.
struct provider_call_key {
  caf::actor_id listener;
  std::uint64_t call;
  // NOLINTNEXTLINE(modernize-use-nullptr): the literal 0 is of clang's own making.
  friend auto operator<=>(const provider_call_key&, const provider_call_key&) = default;
};

/// The transfer is over and its slot is free.
struct provider_call_over {
  provider_call_key key;
  enum class upstream { healthy, failing, unknown } is;
};
/// The call has ended although its transfer goes on: the transfer should be dropped.
struct provider_call_broken {
  provider_call_key key;
};

using provider_call_observer =
    caf::typed_actor<caf::reacts_to<provider_call_over>, caf::reacts_to<provider_call_broken>>;

class http_call final : public transfer_listener {
public:
  http_call(provider_call ask, std::unique_ptr<answer_decoder> decoder,
            provider_call_observer observer);

  void on_head(int status, const http_headers& headers) override;
  [[nodiscard]] bool on_data(std::string_view bytes) override;
  void on_end(transfer_end end) override;

  /// From the provider actor. True if the transfer may be paused: `transport::resume` has to
  /// follow.
  [[nodiscard]] bool add_credit(std::uint32_t more);

private:
  void say(std::string_view text);
  bool pass_on(std::string_view text);
  void end(transfer_end::kind kind);
  [[nodiscard]] provider_call_key key() const { return {ask_.listener.id(), ask_.call}; }
  [[nodiscard]] provider_call_over::upstream judged(const completion_failure& why) const;

  const provider_call ask_;
  const provider_call_observer observer_;
  const monotonic::time_point deadline_;
  // the transport's thread only
  const std::unique_ptr<answer_decoder> decoder_;
  bool ended_ = false;
  provider_call_over::upstream upstream_ = provider_call_over::upstream::unknown;
  // shared with the provider actor
  std::mutex mutex_;
  std::uint32_t credit_;
  std::string held_; // text that came without credit
};

} // namespace ares

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::provider_call_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::provider_call_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ares::provider_call_broken)
