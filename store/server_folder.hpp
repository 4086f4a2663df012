// `data_dir`/redis: what lies there, and who may use it.
#pragma once

#include "conf/result.hpp"
#include "store/private_server.hpp"

#include <memory>
#include <string>

namespace ares::store {

/// Held as long as the object lives: the folder's lock, an flock, so that the kernel lets go of it
/// whatever becomes of the node.
class server_folder {
public:
  /// Makes the folders that are missing, locks, and settles where the socket is.
  [[nodiscard]] static result<std::unique_ptr<server_folder>> open(const std::string& data_dir);
  /// Where the socket of a folder is that exists already; empty if there is no such folder.
  [[nodiscard]] static std::string socket_of(const std::string& data_dir);
  ~server_folder();
  server_folder(const server_folder&) = delete;
  server_folder& operator=(const server_folder&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; } // canonical
  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }
  [[nodiscard]] std::string configuration() const { return path_ + "/redis.conf"; }
  [[nodiscard]] std::string log() const { return path_ + "/redis.log"; }
  [[nodiscard]] std::string pid_file() const { return path_ + "/redis.pid"; }

  [[nodiscard]] result<std::monostate> write_configuration(const private_server_options& o) const;
  /// The last line of the server's log; empty if there is none.
  [[nodiscard]] std::string last_log_line() const;
  /// Lets another node have the folder.
  void unlock();
  /// Sets a log beyond its bound aside, in place of the one set aside before.
  void bound_log() const;

private:
  explicit server_folder(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] result<std::monostate> lock(const std::string& data_dir);
  [[nodiscard]] result<std::monostate> settle_socket();

  std::string path_;
  std::string socket_;
  int lock_ = -1;
};

} // namespace ares::store
