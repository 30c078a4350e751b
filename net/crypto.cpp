#include "crypto.hpp"
#include "seams.hpp"
#include <algorithm>
#include <boost/assert.hpp>
#include <cstdlib>
#include <sodium.h>

namespace dunlin {

namespace {

using blake2b = crypto_generichash_blake2b_state;

unsigned char const* octet(bytes_view b) { return reinterpret_cast<unsigned char const*>(b.data()); }

// Chooses the fastest implementation for this processor. What runs before it (constructors of other globals) gets
// the portable one and the same results.
[[maybe_unused]] int const sodium_ready = [] {
    int r = sodium_init();
    if (r < 0) std::abort(); // no source of randomness: nothing that follows would be safe
    return r;
}();

template <std::size_t N> octets<N> blake2b_of(bytes_view bytes, bytes_view key) {
    octets<N> out;
    int r = crypto_generichash_blake2b(out.data(), N, octet(bytes), bytes.size(), octet(key), key.size());
    BOOST_VERIFY(r == 0);
    return out;
}

std::uint64_t number(octets<8> const& b) {
    std::uint64_t n = 0;
    for (auto x : b) n = n << 8 | x;
    return n;
}

} // namespace

void wipe(void* bytes, std::size_t size) noexcept { sodium_memzero(bytes, size); }

bool same_bytes(bytes_view a, bytes_view b) noexcept {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::uint64_t hash64(bytes_view bytes) { return number(blake2b_of<8>(bytes, {})); }
octets<16> hash128(bytes_view bytes) { return blake2b_of<16>(bytes, {}); }
octets<32> hash256(bytes_view bytes) { return blake2b_of<32>(bytes, {}); }
std::uint64_t hash64(bytes_view bytes, bytes_view key) { return number(blake2b_of<8>(bytes, key)); }
octets<16> hash128(bytes_view bytes, bytes_view key) { return blake2b_of<16>(bytes, key); }
octets<32> hash256(bytes_view bytes, bytes_view key) { return blake2b_of<32>(bytes, key); }

template <std::size_t N> hasher<N>::hasher(bytes_view key) {
    static_assert(sizeof(state_) >= sizeof(blake2b) && alignof(decltype(state_)) >= alignof(blake2b));
    int r = crypto_generichash_blake2b_init(reinterpret_cast<blake2b*>(&state_), octet(key), key.size(), N);
    BOOST_VERIFY(r == 0);
}
template <std::size_t N> void hasher<N>::update(bytes_view bytes) {
    crypto_generichash_blake2b_update(reinterpret_cast<blake2b*>(&state_), octet(bytes), bytes.size());
}
template <std::size_t N> octets<N> hasher<N>::finish() {
    octets<N> out;
    int r = crypto_generichash_blake2b_final(reinterpret_cast<blake2b*>(&state_), out.data(), N);
    BOOST_VERIFY(r == 0); // a second finish would end here
    return out;
}
template class hasher<8>;
template class hasher<16>;
template class hasher<32>;

octets<32> sha256(bytes_view bytes) {
    octets<32> out;
    crypto_hash_sha256(out.data(), octet(bytes), bytes.size());
    return out;
}

octets<32> sha256(bytes_view first, bytes_view second) {
    octets<32> out;
    crypto_hash_sha256_state s;
    crypto_hash_sha256_init(&s);
    crypto_hash_sha256_update(&s, octet(first), first.size());
    crypto_hash_sha256_update(&s, octet(second), second.size());
    crypto_hash_sha256_final(&s, out.data());
    return out;
}

octets<32> hmac_sha256(bytes_view key, bytes_view bytes) {
    octets<32> out;
    crypto_auth_hmacsha256_state s;
    crypto_auth_hmacsha256_init(&s, octet(key), key.size());
    crypto_auth_hmacsha256_update(&s, octet(bytes), bytes.size());
    crypto_auth_hmacsha256_final(&s, out.data());
    wipe(&s, sizeof s);
    return out;
}

void hkdf_sha256(bytes_view salt, bytes_view input, bytes_view info, std::span<std::uint8_t> out) {
    BOOST_VERIFY(out.size() <= 255 * 32);
    secret32 extracted(hmac_sha256(salt, input));
    secret32 block;
    std::size_t previous = 0; // the first block has none before it
    for (std::uint8_t n = 1; !out.empty(); ++n) {
        crypto_auth_hmacsha256_state s;
        crypto_auth_hmacsha256_init(&s, extracted.bytes().data(), 32);
        crypto_auth_hmacsha256_update(&s, block.bytes().data(), previous);
        crypto_auth_hmacsha256_update(&s, octet(info), info.size());
        crypto_auth_hmacsha256_update(&s, &n, 1);
        crypto_auth_hmacsha256_final(&s, block.bytes().data());
        wipe(&s, sizeof s);
        previous = 32;
        auto take = std::min<std::size_t>(32, out.size());
        std::copy_n(block.bytes().begin(), take, out.begin());
        out = out.subspan(take);
    }
}

secret32 derive(secret32 const& master, char const (&context)[9], std::uint64_t id) {
    secret32 out;
    int r = crypto_kdf_derive_from_key(out.bytes().data(), 32, id, context, master.bytes().data());
    BOOST_VERIFY(r == 0);
    return out;
}

void seal(secret32 const& key, octets<12> const& nonce, bytes_view associated, std::span<char> buffer) {
    BOOST_VERIFY(buffer.size() >= tag_size);
    auto text = reinterpret_cast<unsigned char*>(buffer.data());
    auto size = buffer.size() - tag_size;
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(text, text + size, nullptr, text, size, octet(associated),
                                                       associated.size(), nullptr, nonce.data(), key.bytes().data());
}

bool open(secret32 const& key, octets<12> const& nonce, bytes_view associated, std::span<char> buffer) {
    if (buffer.size() < tag_size) return false;
    auto text = reinterpret_cast<unsigned char*>(buffer.data());
    auto size = buffer.size() - tag_size;
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(text, nullptr, text, size, text + size, octet(associated),
                                                              associated.size(), nonce.data(), key.bytes().data()) == 0;
}

key_pair make_key_pair(secret32 const& secret_key) {
    key_pair pair{secret_key, {}};
    crypto_scalarmult_curve25519_base(pair.public_key.data(), secret_key.bytes().data());
    return pair;
}

key_pair make_key_pair(chance& source) { return make_key_pair(make_secret(source)); }

std::optional<secret32> x25519(secret32 const& secret_key, octets<32> const& public_key) {
    std::optional<secret32> shared(std::in_place);
    int r = crypto_scalarmult_curve25519(shared->bytes().data(), secret_key.bytes().data(), public_key.data());
    if (r != 0 || sodium_is_zero(shared->bytes().data(), 32)) shared.reset();
    return shared;
}

secret32 make_secret(chance& source) {
    secret32 s;
    source.fill(s.bytes());
    return s;
}

void fill_random(std::span<std::uint8_t> bytes) { randombytes_buf(bytes.data(), bytes.size()); }

constexpr int base64url = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

std::string to_base64url(bytes_view bytes) {
    std::string out(sodium_base64_encoded_len(bytes.size(), base64url), '\0');
    sodium_bin2base64(out.data(), out.size(), octet(bytes), bytes.size(), base64url);
    out.pop_back(); // the zero at the end of a C string
    return out;
}

bool from_base64url(bytes_view text, std::span<std::uint8_t> out) {
    std::size_t size = 0;
    int r = sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, nullptr, base64url);
    return r == 0 && size == out.size();
}

} // namespace dunlin
