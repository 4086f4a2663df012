// How the keys of the configuration are described: a rule per key. Internal to conf/.
#pragma once

#include "conf/config.hpp"
#include "conf/toml.hpp"

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ares {

/// What is wrong with a value, reading on from the key's name; empty if nothing is.
using complaint = std::string;
using text_check = complaint (*)(const std::string& text);

/// What the values of some keys are resolved with.
struct secret_reader {
  const environment& env;
  secrets need;
  std::vector<std::string>& names; // of all variables that are named
};

/// One key of a section that is read into an `Into`.
template <class Into> struct rule {
  std::string_view name;
  bool textual; // what an environment variable holds is the value itself, not TOML
  std::function<complaint(const toml::node& value, Into& into, secret_reader& secrets)> read;
};

namespace rules {

[[nodiscard]] complaint read_text(const toml::node& value, text_check check, std::string& out);
[[nodiscard]] complaint read_list(const toml::node& value, text_check check,
                                  std::vector<std::string>& out);
[[nodiscard]] complaint read_integer(const toml::node& value, std::int64_t low, std::int64_t high,
                                     std::int64_t& out);
[[nodiscard]] complaint read_number(const toml::node& value, double low, double high, double& out);
/// An integer of at least `low`, or "unlimited".
[[nodiscard]] complaint read_count(const toml::node& value, std::int64_t low,
                                   std::optional<std::int64_t>& out);
/// The name of an environment variable; `out` becomes its value.
[[nodiscard]] complaint read_secret(const toml::node& value, secret_reader& secrets,
                                    std::string& out);

/// A member that a rule fills.
template <class Into, class Member> using field = Member Into::*;

template <class Into, class Member>
rule<Into> text(std::string_view name, field<Into, Member> member, text_check check) {
  return {name, true, [=](const toml::node& value, Into& into, secret_reader&) {
            return read_text(value, check, into.*member);
          }};
}

template <class Into>
rule<Into> list(std::string_view name, field<Into, std::vector<std::string>> member,
                text_check check) {
  return {name, false, [=](const toml::node& value, Into& into, secret_reader&) {
            return read_list(value, check, into.*member);
          }};
}

/// Into an integer, a duration in milliseconds, or an optional one.
template <class Into, class Member>
rule<Into> integer(std::string_view name, field<Into, Member> member, std::int64_t low,
                   std::int64_t high) {
  return {name, false, [=](const toml::node& value, Into& into, secret_reader&) {
            std::int64_t read = 0;
            auto wrong = read_integer(value, low, high, read);
            if (wrong.empty()) {
              if constexpr (std::constructible_from<Member, std::int64_t>)
                into.*member = Member(read);
              else
                into.*member = static_cast<typename Member::value_type>(read);
            }
            return wrong;
          }};
}

template <class Into, class Member>
rule<Into> number(std::string_view name, field<Into, Member> member, double low, double high) {
  return {name, false, [=](const toml::node& value, Into& into, secret_reader&) {
            double read = 0;
            auto wrong = read_number(value, low, high, read);
            if (wrong.empty())
              into.*member = read;
            return wrong;
          }};
}

template <class Into>
rule<Into> count(std::string_view name, field<Into, std::optional<std::int64_t>> member,
                 std::int64_t low) {
  return {name, false, [=](const toml::node& value, Into& into, secret_reader&) {
            return read_count(value, low, into.*member);
          }};
}

template <class Into, class Member>
rule<Into> secret(std::string_view name, field<Into, Member> member) {
  return {name, true, [=](const toml::node& value, Into& into, secret_reader& secrets) {
            std::string read;
            auto wrong = read_secret(value, secrets, read);
            if (wrong.empty() && !read.empty())
              into.*member = std::move(read);
            return wrong;
          }};
}

/// One of a few words, each of which stands for a value.
template <class Into, class Value>
rule<Into> choice(std::string_view name, field<Into, Value> member,
                  std::vector<std::pair<std::string_view, Value>> choices) {
  return {name, true, [=](const toml::node& value, Into& into, secret_reader&) {
            const auto* text = value.as_string();
            complaint wrong = "must be";
            for (const auto& [word, meaning] : choices) {
              if (text != nullptr && text->get() == word) {
                into.*member = meaning;
                return complaint{};
              }
              wrong += word == choices.front().first ? " \"" : " or \"";
              wrong += std::string(word) + '"';
            }
            return wrong;
          }};
}

} // namespace rules

// -- the sections: every key there is -----------------------------------------

/// `[log]`, `[runs]` and `[tenants]` are read into the configuration itself.
[[nodiscard]] const std::vector<rule<server_config>>& server_rules();
[[nodiscard]] const std::vector<rule<store_config>>& store_rules();
[[nodiscard]] const std::vector<rule<cluster_config>>& cluster_rules();
[[nodiscard]] const std::vector<rule<config>>& log_rules();
[[nodiscard]] const std::vector<rule<config>>& runs_rules();
[[nodiscard]] const std::vector<rule<config>>& tenants_rules();
[[nodiscard]] const std::vector<rule<provider_config>>& provider_rules();
[[nodiscard]] const std::vector<rule<model_config>>& model_rules();
[[nodiscard]] const std::vector<rule<tier_config>>& tier_rules();

/// A section without the type it is read into.
struct section_outline {
  enum class kind { plain, named, templates }; // [server], [models.NAME], [[templates.TYPE]]
  struct key {
    std::string_view name;
    bool textual;
  };
  std::string_view name;
  kind shape;
  std::vector<key> keys;

  [[nodiscard]] const key* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> key_names() const;
};

/// All sections there are.
[[nodiscard]] const std::vector<section_outline>& sections();
[[nodiscard]] std::vector<std::string_view> section_names();

} // namespace ares
