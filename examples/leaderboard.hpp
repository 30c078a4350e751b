// The story of leaderboard.cpp: who leads of many players, asked and told, beside a list that was kept by hand.
#pragma once
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <dunlin/dunlin.hpp>
#include <iomanip>
#include <ostream>
#include <random>

namespace leaderboard {

struct player {
    dunlin::latest<std::string> name;
    dunlin::indexed<dunlin::counter> score;
};
DUNLIN_OBJECT(player, name, score)

using boost::asio::awaitable;
using top_ten = dunlin::ranking<std::int64_t>;
constexpr int changes = 100'000;

class game {
    dunlin::node node_;
    std::vector<dunlin::ref<player>> players_;
    std::vector<std::int64_t> by_hand_;
    std::mt19937_64 chance_;
    std::ostream& told_;
    bool fine_ = true;

    static std::string key_of(std::size_t k) { return "p" + std::to_string(k); }
    auto top() const { return node_.all<player>().order_by(&player::score, dunlin::descending).limit(10); }

    void add(std::size_t k, std::int64_t points) {
        players_[k]->score += points;
        by_hand_[k] += points;
    }
    void expect_by_hand(top_ten const& rows) {
        std::vector<std::pair<std::int64_t, std::string>> all;
        for (std::size_t k = 0; k < by_hand_.size(); ++k) all.emplace_back(by_hand_[k], key_of(k));
        auto n = std::min<std::size_t>(10, all.size());
        std::partial_sort(all.begin(), all.begin() + std::ptrdiff_t(n), all.end(), std::greater<>());
        fine_ = fine_ && rows.size() == n && rows.total() == all.size() && rows.is_exact();
        for (std::size_t k = 0; k < rows.size() && fine_; ++k) fine_ = rows[k].key == all[k].second && rows[k].value == all[k].first;
    }
    void print(top_ten const& rows) {
        auto place = rows.first();
        for (auto& [key, score] : rows)
            told_ << std::setw(8) << ++place << "  " << std::left << std::setw(10) << key << std::right << std::setw(8) << score << '\n';
    }

public:
    game(boost::asio::any_io_executor e, std::size_t players, std::uint64_t seed, std::ostream& told)
        : node_(e, dunlin::options().memory(std::size_t(1) << 30)), by_hand_(players), chance_(seed), told_(told) {}

    awaitable<bool> play() {
        using clock = std::chrono::steady_clock;
        co_await node_.start();
        for (std::size_t k = 0; k < by_hand_.size(); ++k) {
            players_.push_back(node_.local<player>(key_of(k)));
            add(k, 1 + std::int64_t(chance_() % 1000));
            if (k % 1000 == 0) node_.seal();
        }
        top_ten first = co_await top().read(); // reads all of them, once
        told_ << "of " << first.total() << " players\n";
        print(first), expect_by_hand(first);

        auto news = top().watch();
        auto before = co_await news.next();
        fine_ = fine_ && before && *before == first;

        std::size_t asked = 0;
        auto begun = clock::now();
        for (int n = 0; n < changes; ++n) {
            add(chance_() % by_hand_.size(), std::int64_t(chance_() % 20));
            node_.seal();
            if (auto rows = top().local()) asked += rows->size();
        }
        auto us = std::chrono::duration<double, std::micro>(clock::now() - begun).count() / changes;
        fine_ = fine_ && asked == changes * std::min<std::size_t>(10, by_hand_.size());

        auto after = co_await news.next(); // all of it at once
        told_ << "and " << changes << " changes later, each with a look at the first ten (" << std::fixed << std::setprecision(1) << us << " us)\n";
        fine_ = fine_ && after;
        if (after) print(*after), expect_by_hand(*after);

        auto someone = key_of(by_hand_.size() / 2);
        auto place = top().rank(someone);
        auto better = std::count_if(by_hand_.begin(), by_hand_.end(), [&](auto s) { return s > by_hand_[by_hand_.size() / 2]; });
        fine_ = fine_ && place && std::int64_t(*place) >= better;
        if (place) {
            top_ten around = co_await top().skip(*place).limit(1).read();
            print(around);
            fine_ = fine_ && around.size() == 1 && around[0].key == someone;
        }
        players_.clear();
        co_await node_.stop();
        told_ << (fine_ ? "as counted by hand\n" : "NOT as counted by hand\n");
        co_return fine_;
    }
};

inline bool play(std::size_t players, std::uint64_t seed, std::ostream& told) {
    boost::asio::io_context io;
    bool fine = false;
    game g(io.get_executor(), players, seed, told);
    boost::asio::co_spawn(io, g.play(), [&](std::exception_ptr failed, bool is) {
        if (failed) std::rethrow_exception(failed);
        fine = is;
    });
    io.run();
    return fine;
}

} // namespace leaderboard
