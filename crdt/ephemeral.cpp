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

void ephemeral_part::show(void* v, std::optional<bytes_view> value, std::uint64_t stamp, std::int64_t told_ms) const {
    auto& x = at(v);
    x.held_ = value.has_value(), x.stamp_ = std::max(x.stamp_, stamp), x.told_ms_ = told_ms;
    if (value)
        access_.get(v, *value);
    else
        access_.clear(v);
}

void ephemeral_part::copy(void const* from, void* to) const {
    encoder bytes;
    access_.put(from, bytes);
    auto& x = at(from);
    show(to, x.held_ ? std::optional(bytes.view()) : std::nullopt, x.stamp_, x.told_ms_);
}

/// Nothing goes into the delta. Where an object was erased, that alone says it of its fields.
bool ephemeral_part::flush(void* v, flushing& f) const {
    using change = ephemeral_body::change;
    auto& x = at(v);
    if (std::exchange(x.change_, change::none) == change::said) {
        x.stamp_ = std::max(f.stamp, x.stamp_ == ~std::uint64_t(0) ? x.stamp_ : x.stamp_ + 1);
        x.told_ms_ = std::int64_t(f.stamp >> 16);
        encoder value;
        if (x.held_) access_.put(v, value);
        if (f.asides) f.asides->push_back({f.field, x.stamp_, x.held_, value.take()});
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
