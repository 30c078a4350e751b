// Everything that waits, on a real executor: a node that is destroyed while something waits answers it all the same.
#include "folder.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <gtest/gtest.h>

namespace asio = boost::asio;

namespace {
using boost::system::error_code;
using dunlin::test::temporary_folder;

struct note {
    dunlin::counter hits;
    dunlin::latest<std::string> text;
};
DUNLIN_OBJECT(note, hits, text)

struct answers {
    std::map<std::string, std::vector<error_code>> by_name;
    std::set<std::string> asked;
    auto operator[](std::string const& name) {
        asked.insert(name);
        return [this, name](error_code ec, auto const&...) { by_name[name].push_back(ec); };
    }
};

/// Asks for everything that can be waited for, from inside one handler.
void ask_all(dunlin::node& node, dunlin::ref<note>& here, answers& a) {
    here->hits += 1;
    auto r = node.seal();
    r.saved(a["saved"]);
    r.copies(2, a["copies"]);
    r.copies(2, std::chrono::hours(1), a["copies with a deadline"]);
    node.open<note>("cold", a["open"]);
    dunlin::page_cursor begin;
    node.list<note>(begin, 10, a["list"]);
    node.digest(a["digest"]);
}
} // namespace

TEST(waiting, is_answered_with_stopped_when_the_node_is_destroyed) {
    for (bool file : {true, false})
        for (bool run_first : {true, false}) {
            temporary_folder f;
            asio::io_context io;
            dunlin::options o;
            if (file) o.data(f.file("n.db"));
            std::optional<dunlin::node> node(std::in_place, io.get_executor(), o);
            answers a;
            std::optional<dunlin::watch<note>> changes;
            auto work = [&]() -> asio::awaitable<void> {
                dunlin::ref<note> here = co_await node->open<note>("here");
                changes.emplace(node->watch<note>());
                auto of_all = changes->next(asio::deferred);
                std::move(of_all)(a["watch"]);
                ask_all(*node, here, a);
                if (!run_first) node.reset();
            };
            asio::co_spawn(io, work(), [](std::exception_ptr e) {
                if (e) std::rethrow_exception(e);
            });
            if (run_first) {
                while (a.by_name.empty()) io.run_one();
                node.reset();
            }
            io.run();
            for (auto& name : a.asked) {
                ASSERT_EQ(a.by_name[name].size(), 1u) << name << (file ? ", file" : ", memory");
                auto ec = a.by_name[name].front();
                if (ec) {
                    EXPECT_EQ(ec, dunlin::make_error_code(dunlin::node_errc::stopped)) << name;
                } else {
                    EXPECT_TRUE(name == "watch" || run_first || !file) << name;
                }
            }
            EXPECT_TRUE(a.by_name["copies"].front());
        }
}

TEST(waiting, of_a_context_that_never_runs_again_is_destroyed_without_a_leak) {
    temporary_folder f;
    asio::io_context io;
    auto held = std::make_shared<int>(0);
    {
        dunlin::node node{io.get_executor(), dunlin::options().data(f.file("n.db"))};
        auto work = [&, held]() -> asio::awaitable<void> {
            dunlin::ref<note> here = co_await node.open<note>("here");
            here->hits += 1;
            auto r = node.seal();
            auto mine = held;
            co_await r.copies(3);
        };
        asio::co_spawn(io, work(), [held](std::exception_ptr) {});
        while (held.use_count() < 4) io.run_one();
        for (int k = 0; k < 20; ++k) io.poll();
    }
    // The node is gone; what waited is queued in a context that nobody runs, and goes with it.
    EXPECT_GT(held.use_count(), 1);
}

TEST(waiting, for_start_of_a_node_that_is_destroyed_or_stopped_meanwhile_ends) {
    for (bool stop : {false, true}) {
        temporary_folder f;
        asio::io_context io;
        std::optional<dunlin::node> node(std::in_place, io.get_executor(), dunlin::options().data(f.file("n.db")));
        answers a;
        asio::post(io, [&] {
            node->start(a["start"]);
            node->open<note>("x", a["open"]);
            if (stop)
                node->stop(a["stop"]);
            else
                node.reset();
        });
        io.run();
        EXPECT_EQ(a.by_name.size(), a.asked.size());
        for (auto& [name, all] : a.by_name) {
            EXPECT_EQ(all.size(), 1u) << name;
            EXPECT_EQ(all.front(), name == "stop" ? error_code() : make_error_code(dunlin::node_errc::stopped)) << name;
        }
    }
}
