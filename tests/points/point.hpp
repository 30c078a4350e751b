// Points: every place where a coroutine of the library waits, known by its line, so that a test can strike it.
//
//   reference run      each wait gets a number as it begins; equal runs have equal numbers
//   a run with target  when wait n is suspended: its process is killed, its node destroyed or stopped, it is cancelled;
//                      or when it ends: it throws instead of giving its result
//
// The sources of net/ and of the simulated network are compiled once more for this, with each operand of a co_await passed
// through through(); see instrument.awk. A point that lives while no handler runs is suspended: that is the proof.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <map>
#include <new>
#include <set>
#include <string>
#include <vector>

namespace dunlin::points {

enum class blow : std::uint8_t { none, kill, power, destroy, stop, cancel, abort, fail, memory };

class point;

/// Of the run that goes on. One thread.
struct registry {
    struct wait {
        char const* where;
        boost::asio::any_io_executor on;
        bool suspended = false;
    };
    std::vector<wait> waits;    // by number
    std::vector<point*> fresh;  // begun since they were looked at
    std::set<point*> alive;
    std::size_t target = 0;     // number + 1
    std::string target_line;    // or the first wait there
    blow how = blow::none;
    bool struck = false;

    static registry& now() {
        static registry one;
        return one;
    }
    void begin(std::size_t number, blow b) {
        waits.clear(), fresh.clear();
        target = number, target_line.clear(), how = b, struck = false;
    }
};

class point {
    std::size_t number_;

public:
    point(char const* where, boost::asio::any_io_executor on) : number_(registry::now().waits.size()) {
        auto& r = registry::now();
        r.waits.push_back({where, std::move(on), false});
        r.fresh.push_back(this), r.alive.insert(this);
        if (!r.target && !r.target_line.empty() && r.target_line == where) r.target = r.waits.size();
    }
    point(point const&) = delete;
    ~point() {
        auto& r = registry::now();
        r.alive.erase(this);
        std::erase(r.fresh, this);
    }
    std::size_t number() const { return number_; }
    /// Its operation has ended well: the target throws here, as if it had not.
    void ended() {
        auto& r = registry::now();
        std::erase(r.fresh, this);
        strike();
    }
    /// It has ended with an error of its own: the target throws ours in its place.
    void failed() { strike(); }

private:
    void strike() {
        auto& r = registry::now();
        if (r.target != number_ + 1 || r.struck) return;
        if (r.how != blow::abort && r.how != blow::fail && r.how != blow::memory) return;
        r.struck = true;
        if (r.how == blow::memory) throw std::bad_alloc();
        if (r.how == blow::abort) throw boost::system::system_error(boost::asio::error::operation_aborted, "planted");
        throw boost::system::system_error(boost::asio::error::connection_reset, "planted");
    }
};

/// Looks between two handlers: who is there is suspended. The target's number, if it is among those seen first now.
inline bool look(registry& r) {
    bool target = false;
    for (auto p : r.fresh) {
        r.waits[p->number()].suspended = true;
        target = target || p->number() + 1 == r.target;
    }
    r.fresh.clear();
    return target;
}

template <class T, class E>
boost::asio::awaitable<T, E> through(char const* where, boost::asio::awaitable<T, E> work) {
    auto executor = co_await boost::asio::this_coro::executor;
    point here(where, executor);
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(work);
            here.ended();
        } else {
            T value = co_await std::move(work);
            here.ended();
            co_return value;
        }
    } catch (std::exception const&) {
        here.failed();
        throw;
    }
}

} // namespace dunlin::points
