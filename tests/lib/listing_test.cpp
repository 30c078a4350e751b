// Listings and pieces of a space end between two hashes, never between two objects of one hash.
#include "golden_space.hpp"
#include <set>

using namespace golden;

namespace {

// Two keys of golden.sums with one hash, found by trying three million. The schema, another type's object, is before.
constexpr char const *one = "k3105334", *other = "k3296248";
std::uint64_t hash_of_key(std::string const& key) { return object_hash("golden.sums", key); }

void make(golden_space& s, std::string const& key) { s.get<sums>(key).sum += 1; }

/// So many objects between the schema and the two of one hash, those two, and some above.
std::set<std::string> fill_around(golden_space& s, std::size_t below, std::size_t above) {
    std::set<std::string> keys{one, other};
    for (int k = 0; below || above; ++k) {
        auto key = "k" + std::to_string(k);
        auto& left = hash_of_key(key) < hash_of_key(one) ? below : above;
        if (left && hash_of_key(key) > object_hash("dunlin.schema", "schema")) --left, keys.insert(key);
    }
    for (auto& k : keys) make(s, k);
    s.body->seal();
    return keys;
}

} // namespace

TEST(listing, goes_on_behind_two_objects_of_one_hash_at_the_end_of_a_page) {
    ASSERT_EQ(hash_of_key(one), hash_of_key(other));
    golden_space s(1);
    auto keys = fill_around(s, 7, 7);
    for (std::size_t limit = 1; limit < 20; ++limit) {
        std::multiset<std::string> found;
        std::int64_t after = -1;
        for (bool end = false; !end;)
            s.body->list(*s.body->find_type("golden.sums"), after, limit,
                         [&](auto ec, auto page, auto last, bool is_last) {
                             ASSERT_FALSE(ec);
                             found.insert(page.begin(), page.end());
                             after = last, end = is_last;
                         });
        EXPECT_EQ(found, std::multiset<std::string>(keys.begin(), keys.end())) << "in pages of " << limit;
    }
}

TEST(listing, of_a_state_in_pieces_goes_on_behind_two_objects_of_one_hash) {
    for (std::size_t below : {1021, 1022, 1023}) { // of a piece's 512 the schema is one, then 511 and the two
        golden_space s(1);
        auto keys = fill_around(s, below, 20);
        std::string all;
        for (auto& piece : s.pieces())
            if (!piece.empty() && piece[0] == 1) all += piece;
        for (auto& k : keys) {
            encoder named;
            named.bytes("golden.sums"), named.bytes(k);
            EXPECT_NE(all.find(named.view()), std::string::npos) << k << " with " << below << " before";
        }
    }
}
