// A Remote for tests of what uses one: answers by a script and remembers what it was asked.
#pragma once

#include <boost/json/parse.hpp>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/remote/remote.h"

namespace osprey::agent {

// Thread-safe.
class FakeRemote final : public Remote {
 public:
  using Answer = std::function<Result<RemoteReply>(const RemoteRequest&, const Interrupt&)>;

  static RemoteReply reply(std::string_view body, std::chrono::seconds offered_hold = std::chrono::seconds(0)) {
    RemoteReply made;
    made.body = boost::json::parse(body).as_object();
    made.offered_hold = offered_hold;
    return made;
  }
  static Answer says(std::string body, std::chrono::seconds offered_hold = std::chrono::seconds(0)) {
    return [=](const auto&, const auto&) -> Result<RemoteReply> { return reply(body, offered_hold); };
  }
  static Answer fails(std::string why) {
    return [=](const auto&, const auto&) -> Result<RemoteReply> { return failure("server", why); };
  }
  // Held until it is to stop.
  static Answer holds() {
    return [](const auto&, const Interrupt& stop) -> Result<RemoteReply> {
      while (!stop.requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return failure("server", "interrupted");
    };
  }

  // The next answers of an endpoint, one after another; `{}` where there is none.
  void script(const std::string& endpoint, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[endpoint].push_back(std::move(answer));
  }
  // Whatever else is asked there.
  void always(const std::string& endpoint, Answer answer) {
    const std::lock_guard lock(mutex_);
    always_[endpoint] = std::move(answer);
  }

  Result<RemoteReply> send(const RemoteRequest& request, const Interrupt& stop) override {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (auto& next = answers_[request.endpoint]; !next.empty()) {
        answer = std::move(next.front());
        next.pop_front();
      } else if (const auto found = always_.find(request.endpoint); found != always_.end()) {
        answer = found->second;
      }
    }
    return answer ? answer(request, stop) : Result<RemoteReply>(RemoteReply());
  }

  std::vector<RemoteRequest> requests(const std::string& endpoint) const {
    const std::lock_guard lock(mutex_);
    std::vector<RemoteRequest> found;
    for (const auto& request : requests_)
      if (request.endpoint == endpoint) found.push_back(request);
    return found;
  }
  std::vector<std::string> bodies(const std::string& endpoint) const {
    std::vector<std::string> found;
    for (const auto& request : requests(endpoint)) found.push_back(request.members);
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::deque<Answer>> answers_;
  std::map<std::string, Answer> always_;
  std::vector<RemoteRequest> requests_;
};

}  // namespace osprey::agent
