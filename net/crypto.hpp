// Crypto: hashes, keys and ciphers, named as the rest of dunlin needs them.
//
//   hash64, hash128, hash256   BLAKE2b, plain or keyed; `hasher` takes its input in pieces
//   sha256, hmac_sha256, hkdf_sha256, x25519, seal, open      what Noise is made of
//   derive                     one secret into many, each with a purpose
//   secret<N>                  bytes that are wiped when they go and compared in constant time
//
// crypto.cpp is the only file that includes <sodium.h>, and no type of sodium shows here.
// State   none; all but fill_random are pure functions. Any thread.
// Errors  a false or empty answer means that the input was forged or weak: never use what lies in the buffer then.
//         A size that only a programmer can get wrong is an assertion.
// Source  RFC 7693 (BLAKE2b), RFC 2104 and 5869 (HMAC, HKDF), RFC 7748 (X25519), RFC 8439 (ChaCha20-Poly1305).
#pragma once
#include "../crdt/codec.hpp"
#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace dunlin {

class chance;

template <std::size_t N> using octets = std::array<std::uint8_t, N>;

template <std::size_t N> bytes_view view_of(octets<N> const& b) { return {reinterpret_cast<char const*>(b.data()), N}; }

/// Not optimised away, unlike memset.
void wipe(void* bytes, std::size_t size) noexcept;
/// In constant time for equal sizes.
bool same_bytes(bytes_view a, bytes_view b) noexcept;

template <std::size_t N> class secret {
    octets<N> bytes_{};

public:
    secret() = default;
    explicit secret(octets<N> const& bytes) : bytes_(bytes) {}
    secret(secret const&) = default;
    secret& operator=(secret const&) = default;
    ~secret() { wipe(bytes_.data(), N); }

    octets<N>& bytes() { return bytes_; }
    octets<N> const& bytes() const { return bytes_; }
    bytes_view view() const { return view_of(bytes_); }
    friend bool operator==(secret const& a, secret const& b) { return same_bytes(a.view(), b.view()); }
};
using secret32 = secret<32>;

// BLAKE2b. hash64 reads its 8 bytes big-endian. A key has at most 64 bytes.
std::uint64_t hash64(bytes_view bytes);
octets<16> hash128(bytes_view bytes);
octets<32> hash256(bytes_view bytes);
std::uint64_t hash64(bytes_view bytes, bytes_view key);
octets<16> hash128(bytes_view bytes, bytes_view key);
octets<32> hash256(bytes_view bytes, bytes_view key);

/// BLAKE2b of input that comes in pieces; the same as the functions above over all pieces together.
/// A copy goes on from where its original stands. One finish; then assign a new one.
template <std::size_t N> class hasher {
    static_assert(N == 8 || N == 16 || N == 32, "hash sizes are 64, 128 and 256 bits");
    struct alignas(64) {
        std::uint8_t opaque[384];
    } state_;

public:
    explicit hasher(bytes_view key = {});
    void update(bytes_view bytes);
    octets<N> finish();
};
extern template class hasher<8>;
extern template class hasher<16>;
extern template class hasher<32>;

octets<32> sha256(bytes_view bytes);
/// Of the two together, without joining them first.
octets<32> sha256(bytes_view first, bytes_view second);
octets<32> hmac_sha256(bytes_view key, bytes_view bytes);
/// Extract and expand; out has at most 255 * 32 bytes. Noise's HKDF is this with no info.
void hkdf_sha256(bytes_view salt, bytes_view input, bytes_view info, std::span<std::uint8_t> out);
/// A secret of its own for (context, id), from which neither the master nor its siblings can be told.
secret32 derive(secret32 const& master, char const (&context)[9], std::uint64_t id);

// ChaCha20-Poly1305-IETF in place. `buffer` is the text and 16 bytes of tag behind it; open() answers false when
// anything was changed, and the buffer is then unspecified.
constexpr std::size_t tag_size = 16;
void seal(secret32 const& key, octets<12> const& nonce, bytes_view associated, std::span<char> buffer);
[[nodiscard]] bool open(secret32 const& key, octets<12> const& nonce, bytes_view associated, std::span<char> buffer);

/// X25519 pair; the secret half is whatever 32 bytes chance gave.
struct key_pair {
    secret32 secret_key;
    octets<32> public_key{};
};
key_pair make_key_pair(secret32 const& secret_key);
key_pair make_key_pair(chance& source);
/// Nothing when the result is all zero, as a point of low order makes it.
std::optional<secret32> x25519(secret32 const& secret_key, octets<32> const& public_key);

secret32 make_secret(chance& source);
/// From the operating system. Called by system_chance alone: everything else is given a `chance`.
void fill_random(std::span<std::uint8_t> bytes);

// RFC 4648 section 5, without padding. Decoding is strict: exactly out.size() bytes, unused bits zero.
std::string to_base64url(bytes_view bytes);
[[nodiscard]] bool from_base64url(bytes_view text, std::span<std::uint8_t> out);

} // namespace dunlin
