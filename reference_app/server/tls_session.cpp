// SPDX-License-Identifier: BSL-1.0
#include "server/tls_session.hpp"

#include <boost/asio/error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <new>

namespace claims_app {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// OpenSSL's own socket BIO writes with write(), and a client that is gone would end the process by SIGPIPE.
int socket_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }
void set_socket(BIO* bio, int socket) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the number is never followed
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
}

int write_socket(BIO* bio, const char* from, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(socket_of(bio), from, size, MSG_NOSIGNAL);
  if (sent > 0) {
    *written = static_cast<std::size_t>(sent);
    return 1;
  }
  if (errno == EAGAIN || errno == EINTR) BIO_set_retry_write(bio);
  return 0;
}

int read_socket(BIO* bio, char* into, std::size_t size, std::size_t* read) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(socket_of(bio), into, size, 0);
  if (got > 0) {
    *read = static_cast<std::size_t>(got);
    return 1;
  }
  if (got == 0)
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  else if (errno == EAGAIN || errno == EINTR)
    BIO_set_retry_read(bio);
  return 0;
}

long control_socket(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

struct free_method {
  void operator()(BIO_METHOD* method) const noexcept { BIO_meth_free(method); }
};
using method_ptr = std::unique_ptr<BIO_METHOD, free_method>;

method_ptr make_method() {
  method_ptr out(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals"));
  if (!out) throw std::bad_alloc();
  BIO_meth_set_write_ex(out.get(), write_socket);
  BIO_meth_set_read_ex(out.get(), read_socket);
  BIO_meth_set_ctrl(out.get(), control_socket);
  return out;
}

}  // namespace

void tls_session::free_session::operator()(SSL* session) const noexcept { SSL_free(session); }

tls_session::tls_session(const tls_context& context, int socket) : session_(SSL_new(context.native())) {
  static const method_ptr method = make_method();  // constant once made
  BIO* const bio = session_ ? BIO_new(method.get()) : nullptr;
  if (bio == nullptr) throw std::bad_alloc();
  set_socket(bio, socket);
  BIO_set_init(bio, 1);
  SSL_set_bio(session_.get(), bio, bio);
  SSL_set_accept_state(session_.get());
}

// Whatever is neither success nor a reason to wait ends the session.
void tls_session::judge(int outcome, error_code& failure) {
  switch (SSL_get_error(session_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
      waits_for_room_ = false;
      failure = asio::error::would_block;
      return;
    case SSL_ERROR_WANT_WRITE:
      waits_for_room_ = true;
      failure = asio::error::would_block;
      return;
    case SSL_ERROR_ZERO_RETURN:
      failure = asio::error::eof;
      return;
    default:
      is_broken_ = true;
      failure = asio::error::connection_aborted;
      ERR_clear_error();
  }
}

void tls_session::shake_hands(error_code& failure) {
  failure = asio::error::connection_aborted;
  if (is_broken_) return;
  ERR_clear_error();  // what somebody else left in this thread's queue would be taken for ours
  const int outcome = SSL_do_handshake(session_.get());
  if (outcome != 1) return judge(outcome, failure);
  is_shaken_ = true;
  failure = {};
}

std::size_t tls_session::read_some(void* into, std::size_t size, error_code& failure) {
  failure = asio::error::connection_aborted;
  if (is_broken_) return 0;
  ERR_clear_error();
  std::size_t read = 0;
  const int outcome = SSL_read_ex(session_.get(), into, size, &read);
  if (outcome != 1) {
    judge(outcome, failure);
    return 0;
  }
  failure = {};
  return read;
}

std::size_t tls_session::write_some(const void* from, std::size_t size, error_code& failure) {
  failure = asio::error::connection_aborted;
  if (is_broken_) return 0;
  ERR_clear_error();
  std::size_t written = 0;
  const int outcome = SSL_write_ex(session_.get(), from, size, &written);
  if (outcome != 1) {
    judge(outcome, failure);
    return 0;
  }
  failure = {};
  return written;
}

bool tls_session::say_goodbye() {
  if (!is_shaken_ || is_broken_ || has_said_goodbye_) return true;
  ERR_clear_error();
  const int outcome = SSL_shutdown(session_.get());
  error_code failure;
  if (outcome < 0) judge(outcome, failure);  // zero: the client has not said it yet, and need not
  has_said_goodbye_ = !(failure == asio::error::would_block && waits_for_room_);
  return has_said_goodbye_;
}

bool tls_session::has_pending() const { return !is_broken_ && SSL_has_pending(session_.get()) == 1; }

void tls_session::detach() { is_broken_ = true; }

}  // namespace claims_app
