// A query whose node goes before its answer comes.
#include "folder.hpp"
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <gtest/gtest.h>

namespace {
struct ranked_thing {
    dunlin::indexed<dunlin::counter> n;
    dunlin::latest<double> x;
};
DUNLIN_OBJECT(ranked_thing, n, x)
} // namespace

TEST(query_life, is_answered_once_and_touches_nothing_that_is_gone) {
    for (int steps = 0; steps < 40; ++steps) {
        dunlin::test::temporary_folder at;
        boost::asio::io_context io;
        int answers = 0;
        {
            dunlin::node node{io.get_executor(), dunlin::options().data(at.file())};
            for (auto key : {"a", "b"}) node.open<ranked_thing>(key, [](boost::system::error_code ec, dunlin::ref<ranked_thing> r) { if (!ec) r->n += 1; });
            node.all<ranked_thing>().order_by(&ranked_thing::n).read([&](boost::system::error_code, dunlin::ranking<std::int64_t>) { ++answers; });
            for (int k = 0; k < steps; ++k) io.poll_one();
        }
        io.run();
        EXPECT_LE(answers, 1);
    }
}
