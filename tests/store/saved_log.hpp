// The append-only file of a server that was killed: put back shorter, again and again.
#pragma once

#include "tests/store/test_server.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

namespace ares::tests {

/// How often, unless the environment says more: ARES_TEST_HISTORIES, ARES_TEST_CUTS.
inline int times(const char* variable, int normally) {
  const char* set = std::getenv(variable);
  return set ? std::atoi(set) : normally;
}

/// The log of a server's append-only file: one base, one part that grows, and what lists them.
class saved_log {
public:
  explicit saved_log(const std::filesystem::path& folder) : from_(folder / "appendonlydir") {
    std::filesystem::copy(from_, copy_.path() / "log");
    for (const auto& file : std::filesystem::directory_iterator(copy_.path() / "log"))
      if (file.path().string().ends_with(".incr.aof"))
        growing_ = file.path().filename();
    size_ = std::filesystem::file_size(copy_.path() / "log" / growing_);
  }

  /// Puts it back as it was, but for what stands behind `bytes`.
  void restore(std::uintmax_t bytes) const {
    std::filesystem::remove_all(from_);
    std::filesystem::copy(copy_.path() / "log", from_);
    std::filesystem::resize_file(from_ / growing_, bytes);
  }
  [[nodiscard]] std::uintmax_t size() const { return size_; }

private:
  std::filesystem::path from_;
  temporary_folder copy_;
  std::string growing_;
  std::uintmax_t size_ = 0;
};

} // namespace ares::tests
