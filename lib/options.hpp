// Options of a node: fluent setters, so that no braces are needed where a coroutine awaits.
//
//   dunlin::options().data("game.db").listen("127.0.0.1:7700").join("10.0.0.1:7700")
//
// Without any, a node lives in memory and listens to nobody.
#pragma once
#include <chrono>
#include <string>
#include <vector>

namespace dunlin {

class options {
public:
    options() {}

    /// One SQLite file; its identity lies beside it. Default: in memory.
    options& data(std::string path) { return data_ = std::move(path), *this; }
    /// "host:port". Default: nobody can call.
    options& listen(std::string address) { return listen_ = std::move(address), *this; }
    /// What others are told instead of `listen`: the address by which a relay, a NAT or a container is reached.
    options& announce(std::string address) { return announce_ = std::move(address), *this; }
    /// Addresses of any members, separated by commas; may be called again. Any one that can be reached is enough.
    options& join(std::string const& addresses);
    /// A file with the cluster's key (dunlin key new). Needed to listen beyond loopback.
    options& key_file(std::string path) { return key_file_ = std::move(path), *this; }
    /// For people: shown in status.
    options& name(std::string n) { return name_ = std::move(n), *this; }
    /// Objects without a ref leave memory above it. Default 256 MiB.
    options& memory(std::size_t bytes) { return memory_ = bytes, *this; }
    /// How much of the past is kept to be told entry by entry. Default 256 MiB.
    options& log_budget(std::size_t bytes) { return log_budget_ = bytes, *this; }
    /// How long open() waits to have heard from the cluster. Default 3 s.
    options& sync_deadline(std::chrono::milliseconds d) { return sync_deadline_ = d, *this; }

    /// DUNLIN_DATA, _LISTEN, _ANNOUNCE, _JOIN, _KEY_FILE, _NAME, _MEMORY, _LOG_BUDGET (bytes), _SYNC_DEADLINE (milliseconds).
    /// Throws bad_option with the variable's name.
    static options from_env();

    std::string const& data() const { return data_; }
    std::string const& listen() const { return listen_; }
    std::string const& announce() const { return announce_; }
    std::vector<std::string> const& join() const { return join_; }
    std::string const& key_file() const { return key_file_; }
    std::string const& name() const { return name_; }
    std::size_t memory() const { return memory_; }
    std::size_t log_budget() const { return log_budget_; }
    std::chrono::milliseconds sync_deadline() const { return sync_deadline_; }

private:
    std::string data_, listen_, announce_, key_file_, name_;
    std::vector<std::string> join_;
    std::size_t memory_ = std::size_t(256) << 20, log_budget_ = std::size_t(256) << 20;
    std::chrono::milliseconds sync_deadline_{3000};
};

} // namespace dunlin
