// What the server's listener carries, beside nginx with the same certificate and an equal static answer: bytes of
// memory an idle TLS connection, requests on kept connections, new connections with a full and with a resumed
// handshake, and how long one broadcast to parked requests takes. Servers are processes of their own; the client shares
// the machine.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

#include "server/http/listener.h"
#include "server/http/testing.h"

namespace {

using namespace osprey;
using namespace osprey::server::http;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using SslPointer = testing::OpenSslPointer<SSL, SSL_free>;

constexpr std::size_t kIdle = 18'000;
constexpr std::size_t kParked = 10'000;
constexpr std::size_t kBusy = 64;
constexpr auto kFor = 5s;
constexpr const char* kAnswer = R"({"queries":{},"accelerate":0,"node_invalid":false})";
constexpr std::string_view kPoll =
    "POST /poll HTTP/1.1\r\nHost: localhost\r\nUser-Agent: osquery/5.10.2\r\nAccept: application/json\r\n"
    "Content-Type: application/json\r\nContent-Length: 47\r\n\r\n{\"node_key\":\"0123456789abcdef0123456789abcdef\"}";
constexpr std::string_view kPark = "GET /park HTTP/1.1\r\nHost: localhost\r\n\r\n";

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// --- the servers ---

struct Cost {
  double memory = 0;     // bytes, resident
  double processor = 0;  // seconds
};

// Of a process and its children.
Cost cost_of(pid_t pid) {
  Cost cost;
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pid));
  for (pid_t child = 0; children >> child;) {
    const auto one = cost_of(child);
    cost.memory += one.memory;
    cost.processor += one.processor;
  }
  std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid));
  for (std::string line; std::getline(rollup, line);) {
    if (line.starts_with("Pss:")) cost.memory += 1024 * std::strtod(line.c_str() + 4, nullptr);
  }
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(stat)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; fields >> field; ++i) {
    if (i == 14 || i == 15)
      cost.processor += std::strtod(field.c_str(), nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return cost;
}

struct Server {
  pid_t pid = 0;
  std::uint16_t port = 0;
  UniqueFd commands;  // a byte: broadcast
  Server() = default;
  Server(Server&& other) noexcept
      : pid(std::exchange(other.pid, 0)), port(other.port), commands(std::move(other.commands)) {}
  ~Server() {
    if (pid == 0) return;
    ::kill(pid, SIGTERM);
    ::waitpid(pid, nullptr, 0);
  }
};

[[noreturn]] void serve(const std::filesystem::path& folder, int port_to, int commands) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Router router;
  std::mutex mutex;
  std::deque<Responder> parked;
  const auto add = [&](Method method, const char* pattern, Runs runs, auto handle) {
    Route route;
    route.method = method;
    route.pattern = pattern;
    route.runs = runs;
    route.handle = handle;
    if (!router.add(std::move(route))) std::abort();
  };
  const auto answer = [](Request, Responder to) {
    Response response;
    response.body = kAnswer;
    to.send(std::move(response));
  };
  add(Method::post, "/poll", Runs::on_listener, answer);
  add(Method::post, "/worker", Runs::on_worker, answer);
  add(Method::get, "/park", Runs::on_listener, [&](Request, Responder to) {
    to.park(Clock::now() + 600s, {});
    const std::lock_guard lock(mutex);
    parked.push_back(std::move(to));
  });
  ListenerOptions options;
  options.port = 0;
  options.certificate = folder / "server.pem";
  options.key = folder / "server.key";
  auto listener = listen(options, router);
  if (!listener) {
    fmt::print(stderr, "{}\n", listener.error().text());
    std::_Exit(1);
  }
  const auto port = (*listener)->port();
  if (::write(port_to, &port, sizeof port) != sizeof port) std::_Exit(1);
  for (char command = 0; ::read(commands, &command, 1) == 1;) {
    const auto text = std::make_shared<const std::string>(kAnswer);
    std::deque<Responder> all;
    {
      const std::lock_guard lock(mutex);
      all.swap(parked);
    }
    for (auto& one : all) {
      Response response;
      response.shared_body = text;
      one.send(std::move(response));
    }
  }
  std::_Exit(0);
}

Server start_ours(const std::filesystem::path& folder) {
  int ports[2], commands[2];
  if (::pipe2(ports, O_CLOEXEC) != 0 || ::pipe2(commands, O_CLOEXEC) != 0) std::abort();
  Server server;
  server.pid = ::fork();
  if (server.pid == 0) {
    ::close(commands[1]);
    serve(folder, ports[1], commands[0]);
  }
  ::close(ports[1]);
  ::close(commands[0]);
  if (::read(ports[0], &server.port, sizeof server.port) != sizeof server.port) std::exit(1);
  ::close(ports[0]);
  server.commands.reset(commands[1]);
  return server;
}

std::optional<Server> start_nginx(const std::filesystem::path& folder) {
  if (!std::filesystem::exists("/usr/sbin/nginx")) return std::nullopt;
  Server server;
  {
    UniqueFd probe(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size);
    server.port = ntohs(address.sin_port);
  }
  std::ofstream(folder / "nginx.conf") << fmt::format(
      "daemon off;\nworker_processes {};\nworker_rlimit_nofile 20000;\npid {}/nginx.pid;\nerror_log {}/error.log;\n"
      "events {{ worker_connections 19900; }}\n"
      "http {{ access_log off; keepalive_timeout 3600s; keepalive_requests 100000000; tcp_nodelay on;\n"
      "client_body_temp_path {}/b; proxy_temp_path {}/p; fastcgi_temp_path {}/f; uwsgi_temp_path {}/u; scgi_temp_path "
      "{}/s;\n"
      "server {{ listen 127.0.0.1:{} ssl reuseport backlog=4096; ssl_certificate {}/server.pem;\n"
      "ssl_certificate_key {}/server.key; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;\n"
      "location / {{ default_type application/json; return 200 '{}'; }} }} }}\n",
      std::thread::hardware_concurrency(), folder.string(), folder.string(), folder.string(), folder.string(),
      folder.string(), folder.string(), folder.string(), server.port, folder.string(), folder.string(), kAnswer);
  server.pid = ::fork();
  if (server.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    const std::string file = folder / "nginx.conf";
    ::execl("/usr/sbin/nginx", "nginx", "-c", file.c_str(), "-p", folder.c_str(), "-e", "stderr", nullptr);
    std::_Exit(127);
  }
  for (int i = 0; i < 100; ++i) {
    if (testing::connect_to(server.port)) return server;
    std::this_thread::sleep_for(50ms);
  }
  return std::nullopt;
}

// --- the client ---

class Fleet {
 public:
  explicit Fleet(std::uint16_t port)
      : port_(port), context_(SSL_CTX_new(TLS_client_method())), epoll_(::epoll_create1(0)) {
    SSL_CTX_set_mode(context_.get(), SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context_.get(), 1);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  }

  // `count` connections, each with one request answered.
  void connect(std::size_t count) {
    peers_.resize(count);
    std::size_t begun = 0, done = 0;
    while (begun < std::min(count, kBusy)) begin(begun++);
    events([&](std::size_t i) {
      if (!go_on(i, kPoll)) return true;
      if (begun < count) begin(begun++);
      return ++done < count;
    });
  }
  // Requests a second over the connections that are there, the first `width` of them.
  double requests(std::size_t width, std::string_view request) {
    for (std::size_t i = 0; i < width; ++i) send(i, request);
    std::size_t done = 0;
    const auto begin_at = Clock::now();
    events([&](std::size_t i) {
      if (answered(i)) {
        ++done;
        if (seconds_since(begin_at) < kFor.count()) {
          send(i, request);
        } else {
          --width;
        }
      }
      return width > 0;
    });
    return static_cast<double>(done) / seconds_since(begin_at);
  }
  // New connections a second, each with one request.
  double handshakes(bool resume) {
    resume_ = resume;
    peers_.resize(kBusy);
    std::size_t done = 0, open = kBusy;
    for (std::size_t i = 0; i < kBusy; ++i) begin(i);
    const auto begin_at = Clock::now();
    events([&](std::size_t i) {
      if (!go_on(i, kPoll)) return true;
      ++done;
      // A copy: that of a connection that ends without a word is forgotten.
      if (resume && !session_) session_.reset(SSL_SESSION_dup(SSL_get_session(peers_[i].ssl.get())));
      resumed_ += SSL_session_reused(peers_[i].ssl.get());
      peers_[i] = {};
      if (seconds_since(begin_at) < kFor.count()) {
        begin(i);
      } else {
        --open;
      }
      return open > 0;
    });
    if (resume && resumed_ < static_cast<long>(done) / 2)
      fmt::print(stderr, "only {} of {} were resumed\n", resumed_, done);
    return static_cast<double>(done) / seconds_since(begin_at);
  }
  void send_all(std::string_view request) {
    for (std::size_t i = 0; i < peers_.size(); ++i) send(i, request);
  }
  void receive_all() {
    std::size_t left = peers_.size();
    events([&](std::size_t i) { return !answered(i) || --left > 0; });
  }
  void close() { peers_.clear(); }

 private:
  struct Peer {
    UniqueFd fd;
    SslPointer ssl;
    bool connected = false, sent = false;
  };

  void begin(std::size_t i) {
    auto& peer = peers_[i];
    peer.fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    const int on = 1;
    ::setsockopt(peer.fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    ::setsockopt(peer.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    address.sin_addr.s_addr = htonl(0x7F000002U + static_cast<std::uint32_t>(sources_++ % 200));
    ::bind(peer.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    if (::connect(peer.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
      std::perror("connect");
      std::exit(1);
    }
    peer.ssl.reset(SSL_new(context_.get()));
    SSL_set_fd(peer.ssl.get(), peer.fd.get());
    SSL_set_connect_state(peer.ssl.get());
    if (resume_ && session_) {
      const testing::OpenSslPointer<SSL_SESSION, SSL_SESSION_free> copy(SSL_SESSION_dup(session_.get()));
      SSL_set_session(peer.ssl.get(), copy.get());
    }
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = i}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, peer.fd.get(), &event);
  }
  void send(std::size_t i, std::string_view request) {
    if (SSL_write(peers_[i].ssl.get(), request.data(), static_cast<int>(request.size())) <= 0) fail("write");
  }
  // Connects, asks once; true: answered.
  bool go_on(std::size_t i, std::string_view request) {
    auto& peer = peers_[i];
    if (!peer.connected) {
      const int done = SSL_do_handshake(peer.ssl.get());
      if (done != 1) {
        const int why = SSL_get_error(peer.ssl.get(), done);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) fail("handshake");
        return false;
      }
      peer.connected = true;
      send(i, request);
    }
    return answered(i);
  }
  // Reads up to the end of what is there.
  bool answered(std::size_t i) {
    bool got = false;
    std::array<char, 4096> bytes;
    int size = 0;
    while ((size = SSL_read(peers_[i].ssl.get(), bytes.data(), bytes.size())) > 0) {
      if (!std::string_view(bytes.data(), 12).starts_with("HTTP/1.1 200")) fail("answer");
      got = true;
    }
    if (SSL_get_error(peers_[i].ssl.get(), size) != SSL_ERROR_WANT_READ) fail("read");
    return got;
  }
  [[noreturn]] void fail(const char* what) {
    fmt::print(stderr, "the client failed: {} ({})\n", what, std::strerror(errno));
    ERR_print_errors_fp(stderr);
    std::exit(1);
  }
  void events(auto&& on_event) {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 30'000);
      if (count <= 0) fail("nothing happens");
      for (int e = 0; e < count; ++e) {
        const std::size_t i = events[static_cast<std::size_t>(e)].data.u64;
        if (peers_[i].ssl && !on_event(i)) return;
      }
    }
  }

  std::uint16_t port_;
  testing::OpenSslPointer<SSL_CTX, SSL_CTX_free> context_;
  UniqueFd epoll_;
  std::vector<Peer> peers_;
  testing::OpenSslPointer<SSL_SESSION, SSL_SESSION_free> session_;
  bool resume_ = false;
  long resumed_ = 0;
  std::size_t sources_ = 0;
};

struct Figures {
  double bytes = 0, requests = 0, request_cost = 0, worker_requests = 0, full = 0, full_cost = 0, resumed = 0,
         resumed_cost = 0, kept = 0;
};

Figures measure(const Server& server, bool ours) {
  Figures figures;
  // What a second of `work` costs the server: microseconds of processor a piece.
  const auto note = [](const char* what, double value) { fmt::print(stderr, "{}: {:.0f}\n", what, value); };
  const auto with_cost = [&](double& cost, auto&& work) {
    const auto before = cost_of(server.pid).processor;
    const auto begin = Clock::now();
    const double rate = work();
    cost = 1e6 * (cost_of(server.pid).processor - before) / (rate * seconds_since(begin));
    return rate;
  };
  {
    Fleet few(server.port);
    few.connect(kBusy);
    figures.requests = with_cost(figures.request_cost, [&] { return few.requests(kBusy, kPoll); });
    std::string at_worker(kPoll);
    at_worker.replace(at_worker.find("/poll"), 5, "/worker");
    note("requests", figures.requests);
    if (ours) figures.worker_requests = few.requests(kBusy, at_worker);
  }
  figures.full = with_cost(figures.full_cost, [&] { return Fleet(server.port).handshakes(false); });
  figures.resumed = with_cost(figures.resumed_cost, [&] { return Fleet(server.port).handshakes(true); });
  note("full", figures.full);
  note("resumed", figures.resumed);
  std::this_thread::sleep_for(1s);
  const double before = cost_of(server.pid).memory;
  Fleet many(server.port);
  many.connect(kIdle);
  std::this_thread::sleep_for(2s);
  figures.bytes = (cost_of(server.pid).memory - before) / kIdle;
  note("bytes", figures.bytes);
  many.close();
  std::this_thread::sleep_for(12s);
  figures.kept = (cost_of(server.pid).memory - before) / 1e6;
  return figures;
}

double broadcast(const Server& server, double& memory) {
  const double before = cost_of(server.pid).memory;
  Fleet fleet(server.port);
  fleet.connect(kParked);
  fleet.send_all(kPark);
  std::this_thread::sleep_for(2s);
  memory = (cost_of(server.pid).memory - before) / kParked;
  const auto begin = Clock::now();
  if (::write(server.commands.get(), "!", 1) != 1) std::abort();
  fleet.receive_all();
  return seconds_since(begin);
}

void print(const char* what, double ours, double nginx, const char* unit) {
  if (nginx > 0) {
    fmt::print("{:<44} {:>10.0f} {:>10.0f}   {:>5.2f}   {}\n", what, ours, nginx, ours / nginx, unit);
  } else {
    fmt::print("{:<44} {:>10.0f} {:>10} {:>9}  {}\n", what, ours, "-", "", unit);
  }
}

}  // namespace

int main() {
  ::signal(SIGPIPE, SIG_IGN);
  std::string pattern = std::filesystem::temp_directory_path() / "osprey-bench-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  const auto certificate = testing::make_certificate("localhost");
  std::ofstream(folder / "server.pem") << certificate.certificate;
  std::ofstream(folder / "server.key") << certificate.key;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Figures ours, nginx;
  double broadcast_time = 0, parked_memory = 0;
  {
    const auto server = start_ours(folder);
    ours = measure(server, true);
    broadcast_time = broadcast(server, parked_memory);
  }
  if (const auto server = start_nginx(folder)) nginx = measure(*server, false);
  fmt::print("{:<44} {:>10} {:>10} {:>7}\n", "", "osprey", "nginx", "ratio");
  print("memory of an idle TLS connection", ours.bytes, nginx.bytes, "bytes");
  print("the same with a request parked", parked_memory, 0, "bytes");
  print("what stays of 18,000 after they closed", ours.kept, nginx.kept, "MB");
  print("requests a second, kept connections", ours.requests, nginx.requests, "");
  print("server's processor time a request", ours.request_cost, nginx.request_cost, "µs");
  print("the same, answered by a worker thread", ours.worker_requests, 0, "a second");
  print("new connections a second, full handshake", ours.full, nginx.full, "");
  print("server's processor time of one", ours.full_cost, nginx.full_cost, "µs");
  print("new connections a second, resumed", ours.resumed, nginx.resumed, "");
  print("server's processor time of one", ours.resumed_cost, nginx.resumed_cost, "µs");
  print("10,000 parked requests answered by a broadcast", 1e3 * broadcast_time, 0, "ms");
  std::filesystem::remove_all(folder);
}
