// A helper process for libraries that parse bytes from strangers: what breaks there breaks nothing else.
//
// The helper is forked, without exec, on the first call, by the zygote where there is one (zygote.h). It keeps no
// descriptor but its socket, no capability, cannot gain privileges, open files or start anything (seccomp), has little
// memory, and dies with the thread that forked it. It works only on what a call hands it: bytes and open descriptors.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "linux/sandbox/descriptors.h"

namespace osprey::linux {

class Sandbox {
 public:
  static constexpr std::size_t kMaxDescriptors = kMaxDescriptorsSent;
  static constexpr std::size_t kMaxRequest = 64 << 10;

  // Hands out a part of the answer, up to 64 KiB of it (Frame::kMaxPayload). False when the caller is gone.
  using Reply = std::function<bool(std::string_view part)>;
  // Runs in the helper, once a call. An error is the caller's answer. Must not throw.
  using Serve =
      std::function<Result<void>(std::string_view request, std::vector<UniqueFd> descriptors, const Reply& reply)>;

  struct Options {
    std::string name;  // of the helper process, up to 15 bytes
    Serve serve;
    // Runs in the helper before its rights are taken away, when they are enough to open files. May be empty. What takes
    // the dynamic linker must be done before the fork, by the caller.
    std::function<Result<void>()> prepare = {};
    std::vector<int> system_calls = {};           // allowed besides those of allow_computing_only()
    std::chrono::milliseconds timeout{2000};      // for each part of an answer, and for starting
    std::chrono::seconds idle{30};                // then the helper ends; the next call starts another
    std::size_t memory = std::size_t{512} << 20;  // of address space beyond what the fork inherited
    std::size_t answer_cap = 16 << 20;
    bool once = false;  // each request has a helper of its own
  };

  explicit Sandbox(Options options);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Has the helper serve a request; its parts go to `take` in order. An error where the helper reports one, takes
  // longer than the timeout, dies, or says what it should not: it is killed then, and the next call has a new one.
  // Safe from several threads, one at a time.
  Result<void> call(std::string_view request, std::span<const int> descriptors,
                    const std::function<void(std::string_view part)>& take,
                    const Interrupt& interrupt = Interrupt::never());
  // The same for an answer of one part or several, as one text.
  Result<std::string> ask(std::string_view request, std::span<const int> descriptors,
                          const Interrupt& interrupt = Interrupt::never());

  // The helper's process id, 0 while there is none.
  pid_t helper() const;

 private:
  Result<void> start();
  void stop();
  Result<void> send(std::string_view request, std::span<const int> descriptors);
  // Waits until the helper has said something.
  Result<void> wait(const Interrupt& interrupt) const;
  Result<void> receive(const std::function<void(std::string_view)>& take, const Interrupt& interrupt);

  Options options_;
  std::mutex mutex_;
  UniqueFd socket_;
  UniqueFd process_;  // pidfd
};

}  // namespace osprey::linux
