#include "entry.hpp"
#include "../crdt/dot.hpp"
#include <algorithm>

namespace dunlin {
namespace {

enum : std::uint8_t { has_writers = 1, has_dependencies = 2, has_pred = 4, all_flags = 7 };

bool distinct(std::vector<writer_id> const& ids) {
    if (ids.size() <= 16) {
        for (std::size_t i = 1; i < ids.size(); ++i)
            if (std::find(ids.begin(), ids.begin() + std::ptrdiff_t(i), ids[i]) != ids.begin() + std::ptrdiff_t(i))
                return false;
        return true;
    }
    auto sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

void big_endian(char* to, std::uint64_t n, int k) {
    for (int x = k; x--; n >>= 8) to[x] = char(n);
}

} // namespace

std::uint64_t number_in(id_vector const& v, writer_id const& w) {
    auto it = std::lower_bound(v.begin(), v.end(), w, [](auto& a, auto& b) { return a.writer < b; });
    return it != v.end() && it->writer == w ? it->number : 0;
}

void write_writer(encoder& out, writer_id const& w) {
    char b[24];
    std::memcpy(b, w.node.data(), 16);
    big_endian(b + 16, w.run, 4), big_endian(b + 20, w.nonce, 4);
    out.raw({b, 24});
}

writer_id read_writer(decoder& in) {
    writer_id w;
    auto node = in.raw(16);
    if (node.size() == 16) std::memcpy(w.node.data(), node.data(), 16);
    w.run = in.u32(), w.nonce = in.u32();
    return w;
}

void write_hash(encoder& out, hash16 const& h) { out.raw(view_of(h)); }

hash16 read_hash(decoder& in) {
    hash16 h{};
    auto b = in.raw(16);
    if (b.size() == 16) std::memcpy(h.data(), b.data(), 16);
    return h;
}

bool entry_body::read(bytes_view body) {
    writers.clear(), dependencies.clear(), pred.reset(), delta = {};
    if (body.size() > entry_bounds::body_max) return false;
    decoder in(body);
    auto flags = in.u8();
    if (flags & ~all_flags) return false;
    stamp_step = in.u();
    if (flags & has_writers) {
        auto n = in.count(24);
        if (n == 0 || n > entry_bounds::writers_max) return false;
        for (; n--;) writers.push_back(read_writer(in));
        if (!distinct(writers) && !mutant("codec_takes_a_writer_twice")) return false;
    }
    if (flags & has_dependencies) {
        auto n = in.count(2);
        if (n == 0 || n > writers.size()) return false;
        std::uint64_t before = 0;
        for (; n--;) {
            auto index = in.u(), number = in.u();
            if (index <= before || index > writers.size() || !number || number > dot::number_max) return false;
            dependencies.push_back({std::uint32_t(index), number});
            before = index;
        }
    }
    if (flags & has_pred) {
        auto& p = pred.emplace();
        p.writer = read_writer(in), p.number = in.u(), p.hash = read_hash(in);
        if (p.number > dot::number_max) return false;
    }
    delta = in.raw(in.left());
    return in.ok();
}

void entry_builder::begin(std::uint32_t author_slot) {
    delta_.clear(), table_.clear(), depends_.clear(), pred_.reset();
    for (auto s : slots_) index_of_slot_[s] = 0;
    slots_.clear();
    if (author_slot >= index_of_slot_.size()) index_of_slot_.resize(author_slot + 1);
    index_of_slot_[author_slot] = 1; // index + 1, so that 0 is "none yet"
    slots_.push_back(author_slot);
}

std::uint32_t entry_builder::index(std::uint32_t slot, writers const& table) {
    if (slot >= index_of_slot_.size()) index_of_slot_.resize(slot + 1);
    auto& index = index_of_slot_[slot];
    if (index) return index - 1;
    if (slots_.size() > entry_bounds::writers_max) return writers::none;
    write_writer(table_, table.id(slot));
    slots_.push_back(slot);
    index = std::uint32_t(slots_.size());
    return index - 1;
}

bool entry_builder::depend(std::uint32_t slot, std::uint64_t number, writers const& table) {
    auto i = index(slot, table);
    if (i == writers::none) return false;
    depends_.push_back({i, number});
    return true;
}

void entry_builder::finish(std::uint64_t stamp_step, encoder& out) {
    auto writers_here = slots_.size() - 1;
    out.u8(std::uint8_t((writers_here ? has_writers : 0) | (depends_.empty() ? 0 : has_dependencies) |
                        (pred_ ? has_pred : 0)));
    out.u(stamp_step);
    if (writers_here) out.u(writers_here), out.raw(table_.view());
    if (!depends_.empty()) {
        std::sort(depends_.begin(), depends_.end(), [](auto& a, auto& b) { return a.writer < b.writer; });
        out.u(depends_.size());
        for (auto& d : depends_) out.u(d.writer), out.u(d.number);
    }
    if (pred_) write_writer(out, pred_->writer), out.u(pred_->number), write_hash(out, pred_->hash);
    out.raw(delta_.view());
}

hash16 entry_hash(std::uint64_t prior, writer_id const& writer, std::uint64_t number, std::uint64_t stamp,
                  bytes_view body) {
    constexpr std::size_t prefix = 48, small = 512;
    char b[small];
    big_endian(b, prior, 8);
    std::memcpy(b + 8, writer.node.data(), 16);
    big_endian(b + 24, writer.run, 4), big_endian(b + 28, writer.nonce, 4);
    big_endian(b + 32, number, 8), big_endian(b + 40, stamp, 8);
    if (body.size() <= small - prefix) {
        std::memcpy(b + prefix, body.data(), body.size());
        return hash128({b, prefix + body.size()});
    }
    hasher<16> h;
    h.update({b, prefix}), h.update(body);
    return h.finish();
}

void series::add(bytes_view body) {
    encoder length; // nine bytes at most: never on the heap
    length.u(body.size());
    bodies.append(length.view()), bodies.append(body);
    ++count;
}

void series::write(encoder& out) const { write_writer(out, writer), write_after_writer(out); }

void series::write_after_writer(encoder& out) const {
    out.u(first), out.u(first_stamp);
    if (first > 1) out.u64(prior);
    out.u(count), out.raw(bodies);
}

bool series::read(decoder& in) {
    writer = read_writer(in);
    return read_after_writer(in);
}

bool series::read_after_writer(decoder& in) {
    first = in.u(), first_stamp = in.u();
    prior = first > 1 ? in.u64() : 0;
    auto n = in.count(3);
    count = 0, bodies.clear();
    if (!in.ok() || !n || n > entry_bounds::series_count_max) return false;
    auto begin = in.position();
    for (auto i = n; i--;) (void)in.bytes(entry_bounds::body_max);
    if (!in.ok()) return false;
    bodies.assign(begin, std::size_t(in.position() - begin));
    count = std::uint32_t(n);
    entry_body scratch;
    if (check(scratch)) return true;
    return in.fail(), false;
}

bool series::check(entry_body& scratch) const {
    if (!first || !count || count > entry_bounds::series_count_max || first > dot::number_max - count + 1) return false;
    series_cursor at(*this);
    for (auto n = count; n--;) {
        if (!at.next() || !scratch.read(at.entry().body)) return false;
        if (std::find(scratch.writers.begin(), scratch.writers.end(), writer) != scratch.writers.end()) return false;
        // Only the first entry of a run has a predecessor, and only a number above nothing can have one before it.
        if (scratch.pred && at.entry().number != 1) return false;
    }
    return at.rest().empty();
}

bool series_cursor::next() {
    if (!left_) return false;
    --left_;
    entry_.body = in_.bytes(entry_bounds::body_max);
    decoder body(entry_.body);
    auto flags = body.u8();
    auto step = body.u();
    if (!in_.ok() || !body.ok() || flags & ~all_flags) return left_ = 0, false;
    if (begun_) {
        if (step > ~std::uint64_t(0) - entry_.stamp) return left_ = 0, false;
        entry_.stamp += step, ++entry_.number;
    }
    begun_ = true;
    return true;
}

series series_cursor::remainder(std::uint64_t prior) const {
    series r;
    r.writer = entry_.writer, r.first = entry_.number, r.first_stamp = entry_.stamp, r.prior = prior;
    r.add(entry_.body);
    r.bodies.append(rest());
    r.count += left_;
    return r;
}

series above(series const& s, std::uint64_t number) {
    if (number < s.first) return s;
    series_cursor at(s);
    for (auto prior = s.prior; at.next();) {
        auto& e = at.entry();
        if (e.number > number) return at.remainder(prior);
        prior = prior_of(entry_hash(prior, e.writer, e.number, e.stamp, e.body));
    }
    return {};
}

} // namespace dunlin
