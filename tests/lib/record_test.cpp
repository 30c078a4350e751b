// Records of deltas that wait for their object, as they lie in rows.
#include <dunlin/lib/cold.hpp>
#include <gtest/gtest.h>

using namespace dunlin;

namespace {
bool reads(std::uint64_t writer, std::uint64_t number, std::uint64_t other) {
    encoder out;
    out.u(0), out.u(writer), out.u(number), out.u64(5), out.u(1), out.u(other), out.bytes("delta");
    std::size_t n = 0;
    auto ok = cold_deltas::read(out.view(), [&](cold_deltas::record const& r) {
        EXPECT_EQ(r.writer, writer);
        EXPECT_EQ(r.number, number);
        EXPECT_EQ(r.writers.at(0), other);
        return ++n == 1;
    });
    EXPECT_EQ(ok, n == 1);
    return ok;
}
} // namespace

// A number beyond 44 bits became another writer's dot, and a slot beyond the table.
TEST(records, with_numbers_that_no_entry_has_are_refused) {
    EXPECT_TRUE(reads(1, 1, 2));
    EXPECT_TRUE(reads(0xFFFFFFFF, dot::number_max, 0xFFFFFFFF));
    EXPECT_FALSE(reads(1, 0, 2));
    EXPECT_FALSE(reads(1, dot::number_max + 1, 2));
    EXPECT_FALSE(reads(std::uint64_t(1) << 32, 1, 2));
    EXPECT_FALSE(reads(1, 1, std::uint64_t(1) << 32));
}
