#include <algorithm>
#include <boost/describe/class.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <dunlin/crdt/value.hpp>
#include <gtest/gtest.h>
#include <limits>
#include <random>

namespace {
using namespace dunlin;

template <class T> std::string bytes_of(T const& x) {
    encoder out;
    value_codec<T>::put(out, x);
    return out.take();
}
template <class T> void comes_back(T const& x) {
    auto bytes = bytes_of(x);
    EXPECT_TRUE(check_value(value_codec<T>::kind, bytes));
    T y{};
    EXPECT_EQ(value_codec<T>::get(bytes, y), fit::exact);
    EXPECT_EQ(bytes_of(y), bytes);
    encoder out;
    put_value(out, value_codec<T>::kind, bytes);
    out.raw("what follows");
    decoder in(out.view());
    EXPECT_EQ(cut_value(in, value_codec<T>::kind), bytes);
    EXPECT_EQ(in.left(), 12u);
}

struct inner {
    std::string name;
    std::vector<std::uint8_t> blob;
};
BOOST_DESCRIBE_STRUCT(inner, (), (name, blob))
struct outer {
    std::int64_t n = 0;
    double d = 0;
    bool b = false;
    inner in;
};
BOOST_DESCRIBE_STRUCT(outer, (), (n, d, b, in))
struct outer_later { // one member more, one fewer, another order
    inner in;
    std::string extra = "default";
    std::int64_t n = 0;
    bool b = false;
};
BOOST_DESCRIBE_STRUCT(outer_later, (), (in, extra, n, b))

TEST(value, every_kind_comes_back) {
    for (std::int64_t n : {std::int64_t(0), std::int64_t(-1), std::numeric_limits<std::int64_t>::min()}) comes_back(n);
    for (std::uint64_t n : {std::uint64_t(0), ~std::uint64_t(0)}) comes_back(n);
    comes_back(std::int8_t(-128)), comes_back(std::uint16_t(65535)), comes_back(true), comes_back(false);
    for (double d : {0.0, -0.0, 1.5, -1e300, std::numeric_limits<double>::infinity(), std::nan("")}) comes_back(d);
    comes_back(std::string()), comes_back(std::string("\0\xff", 2));
    comes_back(std::vector<std::uint8_t>{0, 255, 7});
    comes_back(outer{5, -2.5, true, {"x", {1, 2}}});
}

TEST(value, doubles_are_ordered_as_bytes_and_a_nan_has_one_encoding) {
    double const rising[] = {-std::numeric_limits<double>::infinity(), -1e9, -1.0, -1e-300, -0.0, 0.0, 1e-300, 2, 1e9,
                             std::numeric_limits<double>::infinity()};
    for (std::size_t n = 1; n < std::size(rising); ++n) EXPECT_LT(bytes_of(rising[n - 1]), bytes_of(rising[n]));
    auto one = bytes_of(std::nan("1")), other = bytes_of(-std::nan("77"));
    EXPECT_EQ(one, other);
    encoder out;
    out.u64(0xFFF8000000000001u);
    EXPECT_FALSE(check_value('d', out.view())) << "another NaN";
}

TEST(value, what_is_not_canonical_is_refused) {
    EXPECT_FALSE(check_value('b', std::string(1, '\2')));
    EXPECT_FALSE(check_value('b', ""));
    EXPECT_FALSE(check_value('i', std::string("\xC0\x01", 2)));
    EXPECT_FALSE(check_value('i', bytes_of(std::int64_t(5)) + "x"));
    EXPECT_FALSE(check_value('u', std::string("\xF8\x01", 2)));
    EXPECT_FALSE(check_value('d', "1234567"));
    EXPECT_FALSE(check_value('s', std::string((1 << 20) + 1, 'x')));
    auto member = [](encoder& out, char const* name, char kind) { out.bytes(name), out.bytes({&kind, 1}), out.u8(1); };
    for (auto names : {std::pair("b", "a"), std::pair("a", "a"), std::pair("", "a")}) {
        encoder out;
        out.u(2), member(out, names.first, 'b'), member(out, names.second, 'b');
        EXPECT_FALSE(check_value('v', out.view())) << "members are sorted, distinct and named";
    }
}

TEST(value, a_described_struct_nested_too_deep_is_refused) {
    std::string deep = std::string(1, '\0');
    for (int n = 0; n < 40; ++n) {
        encoder out;
        out.u(1), out.bytes("m"), out.bytes("v"), out.bytes(deep);
        deep = out.take();
        EXPECT_EQ(check_value('v', deep), n < 31) << n;
    }
}

TEST(value, a_narrower_type_reads_the_nearest) {
    std::int8_t small = 0;
    EXPECT_EQ(value_codec<std::int8_t>::get(bytes_of(std::int64_t(-1000)), small), fit::nearest);
    EXPECT_EQ(small, -128);
    std::uint8_t byte = 0;
    EXPECT_EQ(value_codec<std::uint8_t>::get(bytes_of(std::uint64_t(256)), byte), fit::nearest);
    EXPECT_EQ(byte, 255);
    EXPECT_EQ(value_codec<std::int8_t>::get("", small), fit::none);
    bool b = true;
    EXPECT_EQ(value_codec<bool>::get("\2", b), fit::none);
}

TEST(value, a_struct_of_another_version_reads_what_both_know) {
    outer_later y;
    y.extra = "before";
    EXPECT_EQ(value_codec<outer_later>::get(bytes_of(outer{5, -2.5, true, {"x", {1}}}), y), fit::part);
    EXPECT_EQ(y.n, 5);
    EXPECT_TRUE(y.b);
    EXPECT_EQ(y.in.name, "x");
    EXPECT_EQ(y.extra, "default");
    outer back;
    EXPECT_EQ(value_codec<outer>::get(bytes_of(y), back), fit::part);
    EXPECT_EQ(back.n, 5);
    EXPECT_EQ(back.d, 0);
}

TEST(value, json_shows_every_kind) {
    auto shown = [](auto const& x) {
        boost::json::value out;
        value_to_json(value_codec<std::remove_cvref_t<decltype(x)>>::kind, bytes_of(x), out);
        return boost::json::serialize(out);
    };
    EXPECT_EQ(shown(std::int64_t(-7)), "-7");
    EXPECT_EQ(shown(~std::uint64_t(0)), "18446744073709551615");
    EXPECT_EQ(shown(true), "true");
    EXPECT_EQ(shown(std::string("a\"\xc3\xa9")), "\"a\\\"\xc3\xa9\"");
    EXPECT_EQ(shown(std::string("\xff\xfe\xfd")), R"({"$bytes":"//79"})");
    EXPECT_EQ(shown(std::vector<std::uint8_t>{1}), R"({"$bytes":"AQ=="})");
    EXPECT_EQ(shown(std::vector<std::uint8_t>{1, 2}), R"({"$bytes":"AQI="})");
    EXPECT_EQ(shown(std::vector<std::uint8_t>{}), R"({"$bytes":""})");
    EXPECT_EQ(shown(std::nan("")), "\"NaN\"");
    EXPECT_EQ(shown(-std::numeric_limits<double>::infinity()), "\"-Infinity\"");
    EXPECT_EQ(shown(inner{"x", {}}), R"({"blob":{"$bytes":""},"name":"x"})");
    EXPECT_EQ(value_to_key('i', bytes_of(std::int64_t(-7))), "-7");
    EXPECT_EQ(value_to_key('s', "plain"), "plain");
    EXPECT_EQ(value_to_key('s', "\xff"), "$bytes:/w==");
    EXPECT_EQ(value_to_key('d', bytes_of(1e-300)), "1e-300");
    EXPECT_NE(value_to_key('d', bytes_of(0.1)), value_to_key('d', bytes_of(0.1 + 1e-17 * 4)));
}

TEST(value, a_name_that_is_no_utf8_is_shown_as_bytes) {
    encoder odd;
    odd.u(1), odd.bytes("\xff"), odd.bytes("i"), odd.i(7);
    ASSERT_TRUE(check_value('v', odd.view()));
    boost::json::value out;
    value_to_json('v', odd.view(), out);
    EXPECT_EQ(boost::json::serialize(out), R"({"$bytes:/w==":7})");
}

TEST(value, utf8_is_told_from_what_is_not) {
    for (auto good : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                      "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_utf8(good)) << good;
    for (auto bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2g", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
                     "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "ok\xfe"})
        EXPECT_FALSE(is_utf8(bad)) << bad;
}
} // namespace
