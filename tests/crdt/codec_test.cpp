#include <dunlin/crdt/codec.hpp>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

namespace {
using namespace dunlin;

std::vector<std::uint64_t> unsigned_samples() {
    std::vector<std::uint64_t> all = {0, 1, 0xF6, 0xF7, 0xF8, 0xFF};
    for (int bit = 6; bit < 64; ++bit)
        for (int d = -2; d <= 2; ++d) all.push_back((std::uint64_t(1) << bit) + std::uint64_t(d));
    all.push_back(~std::uint64_t(0));
    std::mt19937_64 r(7);
    for (int n = 0; n < 2000; ++n) all.push_back(r() >> (r() % 64));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}
std::vector<std::int64_t> signed_samples() {
    std::vector<std::int64_t> all;
    for (auto n : unsigned_samples()) all.push_back(std::int64_t(n)), all.push_back(std::int64_t(~n));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}
template <class T> std::string put(T n) {
    encoder out;
    if constexpr (std::is_signed_v<T>)
        out.i(n);
    else
        out.u(n);
    return out.take();
}

TEST(codec, unsigned_numbers_come_back_and_keep_their_order_as_bytes) {
    std::string last;
    for (auto n : unsigned_samples()) {
        auto bytes = put(n);
        decoder in(bytes);
        ASSERT_EQ(in.u(), n);
        ASSERT_TRUE(in.finished());
        ASSERT_LT(last, bytes) << n;
        last = bytes;
    }
}

TEST(codec, signed_numbers_come_back_and_keep_their_order_as_bytes) {
    std::string last;
    for (auto n : signed_samples()) {
        auto bytes = put(n);
        decoder in(bytes);
        ASSERT_EQ(in.i(), n);
        ASSERT_TRUE(in.finished());
        ASSERT_LT(last, bytes) << n;
        last = bytes;
    }
}

// Every byte string that is accepted is the one that the number is written as: there is no second form.
TEST(codec, a_number_has_one_encoding_only) {
    std::mt19937_64 r(3);
    for (int n = 0; n < 200'000; ++n) {
        std::string bytes(1 + r() % 10, '\0');
        for (auto& c : bytes) c = char(r() % 4 ? r() : r() % 2 ? 0xFF : 0);
        decoder u(bytes), i(bytes);
        auto x = u.u();
        ASSERT_TRUE(!u.ok() || put(x) == bytes.substr(0, bytes.size() - u.left()));
        auto y = i.i();
        ASSERT_TRUE(!i.ok() || put(y) == bytes.substr(0, bytes.size() - i.left()));
    }
    for (auto longer : {"\xF8\x05", "\xF8\xF7", "\xF9\x00\xFF", "\xFF\x00\x01\x02\x03\x04\x05\x06\x07"}) {
        decoder in(longer[1] == 0 ? bytes_view(longer, longer[0] == '\xF9' ? 3 : 9) : bytes_view(longer));
        in.u();
        EXPECT_FALSE(in.ok());
    }
}

TEST(codec, what_is_cut_short_is_refused_at_each_byte) {
    for (auto n : unsigned_samples())
        for (std::size_t size = 0; size < put(n).size(); ++size) {
            auto bytes = put(n);
            decoder in(bytes_view(bytes).substr(0, size));
            ASSERT_EQ(in.u(), 0u);
            ASSERT_FALSE(in.ok());
        }
    encoder out;
    out.bytes("a few bytes"), out.u32(7), out.u64(8);
    for (std::size_t size = 0; size < out.size(); ++size) {
        decoder in(out.view().substr(0, size));
        in.bytes(), in.u32(), in.u64();
        ASSERT_FALSE(in.ok()) << size;
    }
}

TEST(codec, a_length_is_never_believed) {
    for (auto n : {std::uint64_t(1) << 20, ~std::uint64_t(0), std::uint64_t(1) << 63}) {
        encoder out;
        out.u(n), out.raw("short");
        decoder b(out.view()), c(out.view());
        EXPECT_EQ(b.bytes(), "");
        EXPECT_FALSE(b.ok());
        EXPECT_EQ(c.count(4), 0u);
        EXPECT_FALSE(c.ok());
    }
    encoder out;
    out.bytes("four");
    decoder in(out.view());
    in.bytes(3);
    EXPECT_FALSE(in.ok()) << "above its bound";
}

TEST(codec, once_failed_stays_failed_and_yields_zeros) {
    decoder in("\x05");
    in.u64();
    EXPECT_EQ(in.u(), 0u);
    EXPECT_EQ(in.i(), 0);
    EXPECT_EQ(in.bytes(), "");
    EXPECT_EQ(in.u8(), 0);
    EXPECT_FALSE(in.ok());
    EXPECT_FALSE(in.finished());
}

TEST(codec, a_patched_number_stands_where_its_byte_was) {
    for (auto n : {std::uint64_t(0), std::uint64_t(0xF7), std::uint64_t(0xF8), std::uint64_t(70'000)}) {
        encoder out;
        out.raw("ab"), out.u8(0), out.raw("cd");
        out.patch(2, n);
        decoder in(out.view());
        EXPECT_EQ(in.raw(2), "ab");
        EXPECT_EQ(in.u(), n);
        EXPECT_EQ(in.raw(2), "cd");
        EXPECT_TRUE(in.finished());
    }
}
} // namespace
