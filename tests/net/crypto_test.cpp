#include "conformance.hpp"
#include <dunlin/net/seams.hpp>

namespace dunlin {
namespace {

using namespace conformance;

struct counting_chance : chance {
    std::uint8_t next_byte = 0;
    void fill(std::span<std::uint8_t> bytes) override {
        for (auto& b : bytes) b = next_byte++;
    }
};

// Expected values: Python's hashlib, which is another implementation.
TEST(crypto, hashes_are_blake2b_of_the_size_they_name) {
    EXPECT_EQ(hex(view_of(hash256(""))), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    EXPECT_EQ(hex(view_of(hash128("dunlin"))), "154e8a7c72c354d4ebf21bd2643c9ee7");
    EXPECT_EQ(hash64("dunlin"), 0x74e2748a937ce7e7u);
}

TEST(crypto, a_key_changes_the_hash_as_rfc_7693_says) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "dunlin";
    EXPECT_EQ(hex(view_of(hash256(text, "key"))), "1a3220f68aa321d2d4053ae607bbe7ffe939b3cad997d05bcb81af1a6e015654");
    EXPECT_EQ(hex(view_of(hash128(std::string(128, 'a'), std::string(64, 'k')))), "c1ace8bff001041d2b61252343f9e9e6");
    EXPECT_EQ(hash64(std::string(129, 'a'), "key"), 0x4bd19cf9fde538a2u);
}

template <std::size_t N, class Whole> void pieces_hash_like(Whole whole) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += char(i * 7);
    for (std::size_t cut = 0; cut <= text.size(); cut += 13) {
        hasher<N> h("a key");
        h.update(bytes_view(text).substr(0, cut));
        auto copy = h;
        h.update(bytes_view(text).substr(cut));
        EXPECT_EQ(h.finish(), whole(text, "a key")) << cut;
        EXPECT_EQ(copy.finish(), whole(text.substr(0, cut), "a key")) << cut;
    }
}

TEST(crypto, input_in_pieces_hashes_like_the_whole_and_a_copied_hasher_goes_its_own_way) {
    pieces_hash_like<16>([](bytes_view b, bytes_view k) { return hash128(b, k); });
    pieces_hash_like<32>([](bytes_view b, bytes_view k) { return hash256(b, k); });
    pieces_hash_like<8>([](bytes_view b, bytes_view k) {
        octets<8> out;
        auto n = hash64(b, k);
        for (int i = 8; i--; n >>= 8) out[std::size_t(i)] = std::uint8_t(n);
        return out;
    });
}

TEST(crypto, sha256_is_the_standards) {
    EXPECT_EQ(hex(view_of(sha256("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("a", "bc"), sha256("abc"));
}

TEST(crypto, hmac_sha256_agrees_with_wycheproof) {
    DUNLIN_READ_CONFORMANCE(file, "crypto/hmac_sha256_test.json");
    int seen = 0;
    for (auto& group : file->at("testGroups").as_array())
        for (auto& test : group.at("tests").as_array()) {
            auto& t = test.as_object();
            auto tag = bytes_at(t, "tag");
            auto whole = hmac_sha256(bytes_at(t, "key"), bytes_at(t, "msg"));
            EXPECT_EQ(view_of(whole).substr(0, tag.size()) == tag, t.at("result") == "valid") << t.at("tcId");
            ++seen;
        }
    EXPECT_EQ(seen, file->at("numberOfTests").to_number<int>());
}

TEST(crypto, hkdf_sha256_agrees_with_wycheproof) {
    DUNLIN_READ_CONFORMANCE(file, "crypto/hkdf_sha256_test.json");
    int seen = 0;
    for (auto& group : file->at("testGroups").as_array())
        for (auto& test : group.at("tests").as_array()) {
            auto& t = test.as_object();
            auto size = t.at("size").to_number<std::size_t>();
            ++seen;
            if (t.at("result") != "valid") {
                EXPECT_GT(size, 255u * 32) << t.at("tcId"); // the one reason there is
                continue;
            }
            std::vector<std::uint8_t> out(size);
            hkdf_sha256(bytes_at(t, "salt"), bytes_at(t, "ikm"), bytes_at(t, "info"), out);
            EXPECT_EQ(std::string(out.begin(), out.end()), bytes_at(t, "okm")) << t.at("tcId");
        }
    EXPECT_EQ(seen, file->at("numberOfTests").to_number<int>());
}

TEST(crypto, x25519_agrees_with_wycheproof_and_refuses_an_all_zero_result) {
    DUNLIN_READ_CONFORMANCE(file, "crypto/x25519_test.json");
    int agreed = 0, refused = 0;
    for (auto& group : file->at("testGroups").as_array())
        for (auto& test : group.at("tests").as_array()) {
            auto& t = test.as_object();
            auto wanted = octets_of<32>(bytes_at(t, "shared"));
            auto shared = x25519(secret32(octets_of<32>(bytes_at(t, "private"))), octets_of<32>(bytes_at(t, "public")));
            if (wanted == octets<32>{}) {
                EXPECT_FALSE(shared) << t.at("tcId");
                ++refused;
            } else if (t.at("result") == "valid") {
                ASSERT_TRUE(shared) << t.at("tcId");
                EXPECT_EQ(shared->bytes(), wanted) << t.at("tcId");
                ++agreed;
            } else if (shared) {
                EXPECT_EQ(shared->bytes(), wanted) << t.at("tcId"); // "acceptable": right or refused, never wrong
            }
        }
    EXPECT_GT(agreed, 200);
    EXPECT_GT(refused, 20);
}

TEST(crypto, chacha20_poly1305_agrees_with_wycheproof_both_ways) {
    DUNLIN_READ_CONFORMANCE(file, "crypto/chacha20_poly1305_test.json");
    int accepted = 0, refused = 0, wrong_size = 0;
    for (auto& group : file->at("testGroups").as_array())
        for (auto& test : group.at("tests").as_array()) {
            auto& t = test.as_object();
            auto iv = bytes_at(t, "iv");
            if (iv.size() != 12) {
                ++wrong_size; // cannot be said: the type has 12 bytes
                continue;
            }
            secret32 key(octets_of<32>(bytes_at(t, "key")));
            auto nonce = octets_of<12>(iv);
            auto aad = bytes_at(t, "aad");
            auto sealed = bytes_at(t, "ct") + bytes_at(t, "tag");
            auto text = bytes_at(t, "msg");
            auto buffer = sealed;
            bool good = open(key, nonce, aad, buffer);
            EXPECT_EQ(good, t.at("result") == "valid") << t.at("tcId");
            if (!good) {
                ++refused;
                continue;
            }
            EXPECT_EQ(buffer.substr(0, buffer.size() - tag_size), text) << t.at("tcId");
            buffer = text + std::string(tag_size, '\0');
            seal(key, nonce, aad, buffer);
            EXPECT_EQ(buffer, sealed) << t.at("tcId");
            ++accepted;
        }
    EXPECT_EQ(accepted, 256);
    EXPECT_EQ(refused, 60);
    EXPECT_EQ(wrong_size, 9);
}

TEST(crypto, a_sealed_text_shorter_than_its_tag_does_not_open) {
    std::string buffer(tag_size - 1, 'x');
    EXPECT_FALSE(open(secret32(), {}, "", buffer));
}

TEST(crypto, secrets_compare_by_all_their_bytes_and_are_wiped) {
    octets<32> bytes{};
    secret32 a(bytes);
    bytes[31] = 1;
    secret32 b(bytes);
    EXPECT_FALSE(a == b);
    EXPECT_TRUE(b == secret32(bytes));
    EXPECT_FALSE(same_bytes("abc", "ab"));
    alignas(secret32) unsigned char room[sizeof(secret32)];
    auto s = new (room) secret32(bytes);
    s->~secret32();
    EXPECT_EQ(std::count(std::begin(room), std::end(room), 0), 32);
}

TEST(crypto, derived_keys_differ_by_master_context_and_number) {
    counting_chance source;
    auto one = make_secret(source), two = make_secret(source);
    auto a = derive(one, "dunlin-1", 1);
    EXPECT_TRUE(a == derive(one, "dunlin-1", 1));
    EXPECT_FALSE(a == derive(one, "dunlin-1", 2));
    EXPECT_FALSE(a == derive(one, "dunlin-2", 1));
    EXPECT_FALSE(a == derive(two, "dunlin-1", 1));
}

TEST(crypto, two_key_pairs_agree_on_one_secret) {
    counting_chance source;
    auto a = make_key_pair(source), b = make_key_pair(source);
    auto ab = x25519(a.secret_key, b.public_key), ba = x25519(b.secret_key, a.public_key);
    ASSERT_TRUE(ab && ba);
    EXPECT_TRUE(*ab == *ba);
}

TEST(crypto, base64url_is_strict) {
    octets<4> out{};
    EXPECT_EQ(to_base64url("\xFB\xFF\xFE\x01"), "-__-AQ");
    EXPECT_TRUE(from_base64url("-__-AQ", out));
    EXPECT_EQ(view_of(out), "\xFB\xFF\xFE\x01");
    EXPECT_FALSE(from_base64url("-__-AR", out));   // unused bits set
    EXPECT_FALSE(from_base64url("-__-AQ==", out)); // padding
    EXPECT_FALSE(from_base64url("-__-A", out));
    EXPECT_FALSE(from_base64url("-__-AQA", out)); // too long
    EXPECT_FALSE(from_base64url("-__-", out));    // too short
    EXPECT_FALSE(from_base64url("+//+AQ", out));  // the other alphabet
}

TEST(crypto, the_machine_gives_different_bytes_each_time) {
    octets<32> a{}, b{};
    fill_random(a);
    fill_random(b);
    EXPECT_NE(a, b);
}

} // namespace
} // namespace dunlin
