#include "actors/providers/http_call.hpp"

#include <algorithm>
#include <utility>

namespace ares {

http_call::http_call(provider_call ask, std::unique_ptr<answer_decoder> decoder,
                     provider_call_observer observer)
    : ask_(std::move(ask)), observer_(std::move(observer)),
      deadline_(monotonic::now() + ask_.deadline), decoder_(std::move(decoder)),
      credit_(ask_.credit) {}

void http_call::on_head(int status, const http_headers& headers) {
  decoder_->head(status, headers);
}

bool http_call::on_data(std::string_view bytes) {
  if (ended_)
    return true;
  const bool go_on = pass_on(decoder_->feed(bytes));
  if (!decoder_->settled())
    return go_on;
  // The listener need not wait for the connection. After a whole answer that may be used again.
  end(transfer_end::kind::complete);
  if (upstream_ != provider_call_over::upstream::healthy)
    caf::anon_send(observer_, provider_call_broken{key()});
  return true;
}

void http_call::on_end(transfer_end end_of_transfer) {
  if (!ended_)
    end(end_of_transfer.what);
  caf::anon_send(observer_, provider_call_over{key(), upstream_});
}

bool http_call::add_credit(std::uint32_t more) {
  std::lock_guard lock(mutex_);
  const bool was_out = credit_ == 0;
  credit_ += std::min(more, UINT32_MAX - credit_);
  if (!held_.empty() && credit_ > 0) {
    say(held_);
    held_.clear();
    --credit_;
  }
  return was_out && credit_ > 0;
}

/// False without credit for more.
bool http_call::pass_on(std::string_view text) {
  if (!ask_.request->stream)
    return true;
  std::lock_guard lock(mutex_);
  if (credit_ == 0) {
    held_ += text;
  } else if (!text.empty()) {
    say(text);
    --credit_;
  }
  return credit_ > 0;
}

void http_call::say(std::string_view text) {
  caf::anon_send(ask_.listener, completion_delta{ask_.call, std::string(text)});
}

void http_call::end(transfer_end::kind kind) {
  ended_ = true;
  auto outcome = decoder_->finish(kind);
  std::lock_guard lock(mutex_);
  const auto held = std::exchange(held_, {});
  if (auto* why = std::get_if<completion_failure>(&outcome)) {
    upstream_ = judged(*why);
    caf::anon_send(ask_.listener, completion_failed{ask_.call, std::move(*why)});
    return;
  }
  upstream_ = provider_call_over::upstream::healthy;
  auto& answer = std::get<completion>(outcome);
  // What no delta has said: an answer that was no stream, text held back for want of credit. It may
  // overdraw by this one delta, so that the end never waits.
  if (const auto unsaid = held + decoder_->last_text(); ask_.request->stream && !unsaid.empty())
    say(unsaid);
  caf::anon_send(ask_.listener, completion_done{ask_.call, std::move(answer)});
}

provider_call_over::upstream http_call::judged(const completion_failure& why) const {
  using kind = completion_failure::kind;
  using upstream = provider_call_over::upstream;
  if (why.what == kind::connect || (why.what == kind::status && why.status >= 500))
    return upstream::failing;
  if (why.what == kind::timeout) // a caller in a hurry says nothing about the upstream
    return monotonic::now() < deadline_ ? upstream::failing : upstream::unknown;
  return upstream::unknown;
}

} // namespace ares
