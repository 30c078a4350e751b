// The schema in a file whose node does not run.
#include "folder.hpp"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/schema.hpp>
#include <gtest/gtest.h>

namespace {
struct chest {
    dunlin::map<std::string, dunlin::counter> coins;
    dunlin::latest<std::string> label;
};
DUNLIN_OBJECT(chest, coins, label)
struct key_ring {
    dunlin::set<std::string> keys;
};
DUNLIN_OBJECT(key_ring, keys)

using dunlin::test::temporary_folder;

/// A run that writes one of each, and stops or not.
void use(std::string const& file, bool second, bool stops) {
    boost::asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options().data(file)};
    auto work = [&]() -> boost::asio::awaitable<void> {
        dunlin::ref<chest> c = co_await node.open<chest>("c");
        c->coins["gold"] += 1;
        if (second) {
            dunlin::space other = node.space("other");
            dunlin::ref<key_ring> k = co_await other.open<key_ring>("k");
            k->keys.insert("front");
            co_await other.seal().saved();
        }
        co_await node.seal().saved();
        if (stops) co_await node.stop();
        io.stop();
    };
    boost::asio::co_spawn(io, work(), [](std::exception_ptr e) { if (e) std::rethrow_exception(e); });
    io.run();
}
boost::json::object read(std::string const& file) { return boost::json::parse(dunlin::schema_of_file(file)).as_object(); }
boost::system::error_code refused(std::string const& file) {
    try {
        dunlin::schema_of_file(file);
    } catch (boost::system::system_error const& e) { return e.code(); }
    return {};
}
} // namespace

TEST(file_schema, is_what_the_log_and_the_row_say) {
    temporary_folder at;
    use(at.file(), false, false);
    auto first = read(at.file()); // of the log
    auto by = first.at("main").at("chest").at("coins").at("MsC").as_string();
    EXPECT_EQ(by.size(), 32u) << "a node's id";
    EXPECT_EQ(first.at("main").at("chest").at("label").at("Rs").as_string(), by);
    EXPECT_TRUE(first.contains("dunlin"));
    EXPECT_FALSE(first.contains("other"));
    EXPECT_EQ(read(at.file()), first) << "reading changes nothing";
    for (bool stops : {true, false}) {
        use(at.file(), true, stops); // of rows, and of both
        auto now = read(at.file());
        EXPECT_EQ(now.at("main"), first.at("main"));
        EXPECT_EQ(now.at("other").at("key_ring").at("keys").at("Ss").as_string(), by);
    }
}

TEST(file_schema, of_a_file_that_is_none_or_in_use_is_refused_and_makes_nothing) {
    temporary_folder at;
    EXPECT_TRUE(refused(at.file()));
    EXPECT_TRUE(refused(at.path.string()));
    EXPECT_TRUE(std::filesystem::is_empty(at.path));
    boost::asio::io_context io;
    dunlin::node node{io.get_executor(), dunlin::options().data(at.file())};
    auto work = [&]() -> boost::asio::awaitable<void> {
        co_await node.start();
        EXPECT_EQ(refused(at.file()), dunlin::store_errc::locked);
        co_await node.stop();
        EXPECT_FALSE(refused(at.file()));
    };
    boost::asio::co_spawn(io, work(), [](std::exception_ptr e) { if (e) std::rethrow_exception(e); });
    io.run();
}
