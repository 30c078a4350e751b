#include "ephemeral.hpp"
#include "mutant.hpp"
#include <boost/json/value.hpp>

namespace dunlin {

std::chrono::milliseconds ephemeral_body::age() const {
    using std::chrono::milliseconds;
    if (!held_) return milliseconds::max();
    if (change_ != change::none || !is_attached()) return milliseconds(0);
    return milliseconds(std::max<std::int64_t>(head().up->now_ms(head()) - told_ms_, 0));
}

void ephemeral_body::check_path(std::size_t bytes) {
    if (bytes > ephemeral_path_max) throw_out_of_bound("a key above an ephemeral, with those above it, is at most 16 KiB");
}

/// A field of an element: who has none of it may use longer keys.
void ephemeral_body::check_place() {
    encoder path;
    part const* child = nullptr;
    if (head().up->outermost(head(), this, path, child)) check_path(path.size());
}

void ephemeral_part::show(void* v, showing const& s) const {
    auto& x = at(v);
    x.held_ = s.value.has_value(), x.stamp_ = std::max(x.stamp_, s.stamp), x.told_ms_ = s.told_ms;
    if (s.value)
        access_.get(v, *s.value);
    else
        access_.clear(v);
}

void ephemeral_part::copy_asides(void const* from, void* to) const {
    encoder bytes;
    access_.put(from, bytes);
    auto& x = at(from);
    decoder here{bytes_view()};
    show(to, {here, x.held_ ? std::optional(bytes.view()) : std::nullopt, x.stamp_, x.told_ms_});
}

/// Nothing goes into the delta. Where an object was erased, that alone says it of its fields; of what was erased below a
/// map nobody else speaks.
bool ephemeral_part::flush(void* v, flushing& f) const {
    using change = ephemeral_body::change;
    auto& x = at(v);
    decoder path(f.path.view());
    auto field = path.u32();
    auto below = f.path.view().substr(f.path.size() - path.left());
    auto what = std::exchange(x.change_, change::none);
    if (what == change::said || (what == change::dropped && !below.empty() && !mutant("ephemeral_erased_with_its_key_is_not_told"))) {
        x.stamp_ = std::max(f.stamp, x.stamp_ == ~std::uint64_t(0) ? x.stamp_ : x.stamp_ + 1);
        x.told_ms_ = std::int64_t(f.stamp >> 16);
        encoder value;
        if (x.held_) access_.put(v, value);
        if (f.asides) f.asides->push_back({field, std::string(below), x.stamp_, x.held_, value.take()});
    }
    x.settle();
    if (!mutant("ephemeral_is_logged") || !x.held_) return false;
    f.out.u8(0);
    return true;
}

void ephemeral_part::rollback(void* v) const {
    at(v).change_ = ephemeral_body::change::none;
    at(v).settle();
}

void ephemeral_part::to_json(void const* v, boost::json::value& out) const {
    if (!at(v).held_) return void(out = nullptr);
    encoder bytes;
    access_.put(v, bytes);
    value_to_json(access_.kind, bytes.view(), out);
}

} // namespace dunlin
