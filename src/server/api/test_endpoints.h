// For tests: endpoints over a fresh database of each kind, asked by peers that read slowly.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "server/api/endpoint.h"
#include "server/api/testing.h"
#include "server/db/test_database.h"

namespace osprey::server::api::testing {

class EndpointTest : public db::DatabaseTest {
 protected:
  EndpointTest() { services_.database = &database(); }

  // `parameters`: what stands at the path's {names}.
  void ask(const Endpoint& endpoint, Peer& peer, std::string query = {}, std::vector<std::string> parameters = {},
           std::string body = {}) {
    http::Request request;
    request.query = std::move(query);
    request.parameters = std::move(parameters);
    request.body = std::move(body);
    run(endpoint, std::move(request), services_, peer);
  }
  // The whole of what is streamed.
  std::string streamed(const Endpoint& endpoint, std::string query = {}, std::vector<std::string> parameters = {}) {
    Peer peer;
    ask(endpoint, peer, std::move(query), std::move(parameters));
    peer.read_all();
    EXPECT_TRUE(peer.finished);
    return peer.body;
  }
  boost::json::value answered(const Endpoint& endpoint, std::string query = {}) {
    Peer peer;
    ask(endpoint, peer, std::move(query));
    EXPECT_EQ(peer.response.status, 200U) << peer.response.body;
    return boost::json::parse(peer.response.body);
  }

  Services services_;
};

}  // namespace osprey::server::api::testing
