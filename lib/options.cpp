#include "options.hpp"
#include "error.hpp"
#include <charconv>
#include <cstdlib>

namespace dunlin {

options& options::join(std::string const& addresses) {
    for (std::size_t at = 0; at < addresses.size();) {
        auto end = std::min(addresses.find(',', at), addresses.size());
        if (end > at) join_.push_back(addresses.substr(at, end - at));
        at = end + 1;
    }
    return *this;
}

options options::from_env() {
    options o;
    auto text = [](char const* name, auto set) {
        if (auto v = std::getenv(name); v && *v) set(std::string(v));
    };
    auto number = [&](char const* name, auto set) {
        text(name, [&](std::string const& v) {
            std::size_t n = 0;
            auto [end, ec] = std::from_chars(v.data(), v.data() + v.size(), n);
            if (ec != std::errc() || end != v.data() + v.size())
                throw boost::system::system_error(node_errc::bad_option,
                                                  std::string(name) + " is '" + v + "', not a number");
            set(n);
        });
    };
    text("DUNLIN_DATA", [&](auto v) { o.data(v); });
    text("DUNLIN_LISTEN", [&](auto v) { o.listen(v); });
    text("DUNLIN_ANNOUNCE", [&](auto v) { o.announce(v); });
    text("DUNLIN_JOIN", [&](auto v) { o.join(v); });
    text("DUNLIN_KEY_FILE", [&](auto v) { o.key_file(v); });
    text("DUNLIN_NAME", [&](auto v) { o.name(v); });
    number("DUNLIN_MEMORY", [&](auto n) { o.memory(n); });
    number("DUNLIN_LOG_BUDGET", [&](auto n) { o.log_budget(n); });
    number("DUNLIN_SYNC_DEADLINE", [&](auto n) { o.sync_deadline(std::chrono::milliseconds(n)); });
    return o;
}

} // namespace dunlin
