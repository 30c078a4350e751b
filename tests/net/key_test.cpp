#include <cstdlib>
#include <dunlin/net/error.hpp>
#include <dunlin/net/key.hpp>
#include <dunlin/net/seams.hpp>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace dunlin {
namespace {

namespace fs = std::filesystem;
using boost::system::error_code;

struct counting_chance : chance {
    std::uint8_t next_byte = 0;
    void fill(std::span<std::uint8_t> bytes) override {
        for (auto& b : bytes) b = next_byte++;
    }
};

struct key : testing::Test {
    counting_chance source;
    std::string folder;

    void SetUp() override {
        auto name = (fs::temp_directory_path() / "dunlin-key-XXXXXX").string();
        ASSERT_TRUE(::mkdtemp(name.data()));
        folder = name + "/";
    }
    void TearDown() override { fs::remove_all(folder); }

    std::string write(std::string const& text, fs::perms mode = fs::perms(0600)) {
        auto file = folder + "written";
        fs::remove(file);
        std::ofstream(file) << text;
        fs::permissions(file, mode);
        return file;
    }
    template <class F> static error_code thrown(F f) {
        try {
            f();
        } catch (boost::system::system_error const& e) { return e.code(); }
        return {};
    }
    std::size_t files() const {
        return std::size_t(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
    }
};

TEST_F(key, a_cluster_key_is_the_same_after_its_text) {
    auto k = cluster_key::make(source);
    auto text = k.text();
    EXPECT_EQ(text, "dunlin-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    auto again = cluster_key::parse(" " + text + "\r\n");
    EXPECT_TRUE(again.psk() == k.psk());
    EXPECT_TRUE(again.mac_key() == k.mac_key());
    EXPECT_EQ(again.id(), k.id());
    EXPECT_FALSE(k.psk() == k.mac_key());
}

TEST_F(key, anything_but_a_whole_line_is_refused) {
    auto text = cluster_key::make(source).text();
    for (std::size_t n = 0; n < text.size(); ++n)
        EXPECT_EQ(thrown([&] { cluster_key::parse(text.substr(0, n)); }), net_error::key_malformed) << n;
    for (auto wrong : {text + "A", text + "=", text + "\n" + text, "dunlin-key-2:" + text.substr(13), "x" + text})
        EXPECT_EQ(thrown([&] { cluster_key::parse(wrong); }), net_error::key_malformed) << wrong;
}

TEST_F(key, a_key_file_that_others_can_read_is_refused_and_the_text_names_it_and_the_remedy) {
    auto text = cluster_key::make(source).text();
    EXPECT_FALSE(thrown([&] { cluster_key::read_file(write(text)); }));
    for (int mode : {0640, 0604, 0660, 0601})
        EXPECT_EQ(thrown([&] { cluster_key::read_file(write(text, fs::perms(mode))); }), net_error::key_exposed);
    EXPECT_EQ(thrown([&] { cluster_key::read_file(folder + "absent"); }), net_error::key_unreadable);
    EXPECT_EQ(thrown([&] { cluster_key::read_file(folder); }), net_error::key_unreadable);
    try {
        cluster_key::read_file(write(text, fs::perms(0644)));
    } catch (boost::system::system_error const& e) {
        std::string what = e.what();
        EXPECT_NE(what.find(folder), what.npos) << what;
        EXPECT_NE(what.find("chmod 600"), what.npos) << what;
        EXPECT_NE(what.find("dunlin.net.key_exposed"), what.npos) << what;
    }
}

TEST_F(key, an_identity_is_made_once_with_mode_0600_whatever_the_umask) {
    auto file = identity_file(folder + "game.db");
    auto before = ::umask(0777);
    auto made = identity::open_file(file, source);
    ::umask(before);
    struct stat s {};
    ASSERT_EQ(::stat(file.c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777, 0600u);
    EXPECT_EQ(files(), 1u) << "something was left beside it";
    auto again = identity::open_file(file, source);
    EXPECT_EQ(again.node(), made.node());
    EXPECT_TRUE(again.keys.secret_key == made.keys.secret_key);
}

TEST_F(key, an_identity_file_with_any_byte_changed_or_cut_is_refused_and_left_alone) {
    auto text = identity::make(source).text();
    for (std::size_t n = 0; n < text.size(); ++n) {
        auto wrong = text;
        wrong[n] = wrong[n] == 'A' ? 'B' : 'A';
        auto file = write(wrong);
        EXPECT_EQ(thrown([&] { identity::open_file(file, source); }), net_error::identity_malformed) << n;
        EXPECT_EQ(fs::file_size(file), text.size());
        file = write(text.substr(0, n));
        EXPECT_EQ(thrown([&] { identity::open_file(file, source); }), net_error::identity_malformed) << n;
    }
    EXPECT_EQ(thrown([&] { identity::open_file(write(text, fs::perms(0640)), source); }), net_error::identity_exposed);
}

TEST_F(key, an_identity_that_cannot_be_written_is_an_error_and_not_a_node_in_memory) {
    EXPECT_EQ(thrown([&] { identity::open_file(folder + "absent/x.identity", source); }),
              net_error::identity_unwritable);
}

TEST_F(key, identities_differ_and_a_node_id_is_the_hash_of_the_public_key) {
    auto a = identity::make(source), b = identity::make(source);
    EXPECT_NE(a.node(), b.node());
    EXPECT_EQ(a.node(), hash128(view_of(a.keys.public_key)));
    EXPECT_EQ(identity::parse(a.text()).node(), a.node());
}

TEST(net_errors, each_has_its_name_in_its_message_and_nothing_else_has_one) {
    error_code code = net_error::wrong_key;
    EXPECT_EQ(net_error_name(code), "dunlin.net.wrong_key");
    EXPECT_EQ(code.message().rfind("dunlin.net.wrong_key: ", 0), 0u);
    EXPECT_EQ(net_error_name({}), "");
    EXPECT_EQ(net_error_name(error_code(9999, net_category())), "");
}

TEST(net_errors, each_has_its_row_in_the_documentation) {
    std::ifstream file(fs::path(DUNLIN_SOURCE_DIR) / "docs/errors.md");
    std::string page(std::istreambuf_iterator<char>(file), {});
    int rows = 0;
    for (int code = 1; error_code(code, net_category()).message() != "dunlin.net: unknown error"; ++code, ++rows)
        EXPECT_NE(page.find("`" + std::string(net_error_name({code, net_category()})) + "`"), page.npos) << code;
    EXPECT_GT(rows, 20);
}

} // namespace
} // namespace dunlin
