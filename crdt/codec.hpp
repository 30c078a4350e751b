// Codec: the one way bytes are written and read, in entries, messages, states and rows.
//
//   u      := one byte 0..0xF7, or 0xF7 + k and k bytes big-endian (k = 1..8), the least k that fits
//   i      := 0x80 + x for -64..63; 0xBF + k and k bytes of x for larger; 0x40 - k and k bytes for smaller
//   bytes  := u length, then the bytes
//   fixed  := big-endian
//
// Both integers keep their order when compared as bytes, and each value has one encoding only: so bytes can be
// compared, hashed and sorted in place of values. The decoder assumes an enemy: it never reads past its end, never
// allocates for a length it has not checked, refuses a longer form than needed, and once failed stays failed and
// yields zeros; ask ok() once at the end.
// Source: the length-first integers of SQLite 4 (varint), here with all lengths.
#pragma once
#include "mutant.hpp"
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace dunlin {

using bytes_view = std::string_view;

constexpr std::size_t value_bytes_max = std::size_t(1) << 20; // a string, an element, a key

class encoder {
    std::string out_;

public:
    encoder() = default;
    explicit encoder(std::string reuse) : out_(std::move(reuse)) { out_.clear(); }

    void u8(std::uint8_t b) { out_.push_back(char(b)); }
    void u(std::uint64_t n) {
        if (n < 0xF8) return u8(std::uint8_t(n));
        int k = (71 - std::countl_zero(n)) / 8;
        u8(std::uint8_t(0xF7 + k));
        big_endian(n, k);
    }
    void i(std::int64_t n) {
        if (n >= -64 && n < 64) return u8(std::uint8_t(0x80 + n));
        auto magnitude = std::uint64_t(n < 0 ? ~n : n);
        int k = (71 - std::countl_zero(magnitude)) / 8;
        u8(std::uint8_t(n < 0 ? 0x40 - k : 0xBF + k));
        big_endian(std::uint64_t(n), k);
    }
    void u32(std::uint32_t n) { big_endian(n, 4); }
    void u64(std::uint64_t n) { big_endian(n, 8); }
    void bytes(bytes_view b) { u(b.size()), raw(b); }
    void raw(bytes_view b) { out_.append(b); }

    /// Writes u(n) where one byte was reserved at `at`.
    void patch(std::size_t at, std::uint64_t n) {
        if (n < 0xF8) [[likely]]
            return void(out_[at] = char(n));
        encoder head;
        head.u(n);
        out_.replace(at, 1, head.view());
    }

    std::size_t size() const { return out_.size(); }
    void resize(std::size_t n) { out_.resize(n); }
    void clear() { out_.clear(); }
    bytes_view view() const { return out_; }
    std::string take() { return std::move(out_); }
    std::string& buffer() { return out_; }

private:
    void big_endian(std::uint64_t n, int k) {
        char b[8];
        for (int x = k; x--; n >>= 8) b[x] = char(n);
        out_.append(b, std::size_t(k));
    }
};

class decoder {
    char const* at_;
    char const* end_;
    bool ok_ = true;

public:
    explicit decoder(bytes_view b) : at_(b.data()), end_(b.data() + b.size()) {}

    bool ok() const { return ok_; }
    bool done() const { return at_ == end_; }
    /// Read to the last byte and never failed.
    bool finished() const { return ok_ && done(); }
    std::size_t left() const { return std::size_t(end_ - at_); }
    char const* position() const { return at_; }
    void fail() { ok_ = false, at_ = end_; }

    std::uint8_t u8() {
        if (at_ == end_) return fail(), std::uint8_t(0);
        return std::uint8_t(*at_++);
    }
    std::uint64_t u() {
        auto b = u8();
        if (b < 0xF8) [[likely]]
            return b;
        int k = b - 0xF7;
        auto n = big_endian(k);
        if ((k == 1 ? n < 0xF8 : n >> (8 * (k - 1)) == 0) && !mutant("codec_takes_a_longer_form")) fail();
        return ok_ ? n : 0;
    }
    std::int64_t i() {
        auto b = u8();
        if (b >= 0x40 && b < 0xC0) [[likely]]
            return std::int64_t(b) - 0x80;
        bool negative = b < 0x40;
        int k = negative ? 0x40 - b : b - 0xBF;
        if (!ok_ || k > 8) return fail(), 0;
        auto n = big_endian(k);
        if (negative && k < 8) n |= ~std::uint64_t(0) << (8 * k);
        auto x = std::int64_t(n);
        auto magnitude = std::uint64_t(x < 0 ? ~x : x);
        bool least = k == 1 ? magnitude >= 64 : magnitude >> (8 * (k - 1)) != 0;
        if (!least || (x < 0) != negative) fail();
        return ok_ ? x : 0;
    }
    std::uint32_t u32() { return std::uint32_t(big_endian(4)); }
    std::uint64_t u64() { return big_endian(8); }
    bytes_view bytes(std::size_t max = ~std::size_t(0)) {
        auto n = u();
        if (n > max) return fail(), bytes_view();
        return raw(n);
    }
    bytes_view raw(std::uint64_t n) {
        if (n > left()) return fail(), bytes_view();
        bytes_view b(at_, std::size_t(n));
        at_ += n;
        return b;
    }
    /// A count of things that take at least `least` bytes each: refused if so many cannot follow.
    std::uint64_t count(std::size_t least = 1) {
        auto n = u();
        if (n > left() / least && !mutant("codec_believes_a_count")) return fail(), 0;
        return n;
    }

private:
    std::uint64_t big_endian(int k) {
        auto b = raw(std::uint64_t(k));
        std::uint64_t n = 0;
        for (char c : b) n = n << 8 | std::uint8_t(c);
        return n;
    }
};

} // namespace dunlin
