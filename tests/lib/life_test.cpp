// What a user's coroutine may do as soon as it goes on: use a type for the first time, or destroy the node.
#include "folder.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <gtest/gtest.h>

namespace asio = boost::asio;

namespace {
using dunlin::test::temporary_folder;

struct note {
    dunlin::counter hits;
    dunlin::latest<std::string> text;
    dunlin::set<std::string> tags;
    dunlin::map<std::string, dunlin::counter> votes;
};
DUNLIN_OBJECT(note, hits, text, tags, votes)

template <class F> void run(asio::io_context& io, F f) {
    std::exception_ptr failed;
    asio::co_spawn(io, std::move(f), [&](std::exception_ptr e) { failed = e; });
    io.run();
    io.restart();
    if (failed) std::rethrow_exception(failed);
}

/// A file with so many notes.
void write_notes(std::string const& path, int count) {
    asio::io_context io;
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::node node{io.get_executor(), dunlin::options().data(path)};
        for (int k = 0; k < count; ++k) {
            dunlin::ref<note> p = co_await node.open<note>("k" + std::to_string(k));
            p->hits += k, p->text = "a text that is longer than a string holds in itself", p->tags.insert("x"), p->votes["a"] += 1;
            node.seal();
        }
        co_await node.stop();
    });
}
} // namespace

TEST(life, uses_a_type_for_the_first_time_right_after_a_digest) {
    temporary_folder f;
    write_notes(f.file("n.db"), 50);
    asio::io_context io;
    run(io, [&]() -> asio::awaitable<void> {
        dunlin::node node{io.get_executor(), dunlin::options().data(f.file("n.db")).memory(16 << 10)};
        co_await node.start();
        auto d = co_await node.digest();
        EXPECT_EQ(d.size(), 64u);
        dunlin::ref<note> p = co_await node.open<note>("k7");
        EXPECT_EQ(long(p->hits), 7);
        co_await node.stop();
    });
}
