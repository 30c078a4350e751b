#include "store_format.hpp"

namespace dunlin {

std::uint64_t part_directory::base_bytes() const {
    std::uint64_t n = 0;
    for (std::size_t x = 0; x < base_count; ++x) n += parts[x].bytes;
    return n;
}

std::uint64_t part_directory::delta_bytes() const {
    std::uint64_t n = 0;
    for (std::size_t x = base_count; x < parts.size(); ++x) n += parts[x].bytes;
    return n;
}

static bytes_view sum_of_runs(std::uint64_t row, bytes_view runs, row_sum& sum) {
    sum = row_summer().number(row).bytes(runs).finish();
    return view_of(sum).substr(0, 8);
}

std::string encode_heads(std::uint64_t row, std::vector<log_run> const& runs) {
    encoder out;
    out.raw(bytes_view("\0\0\0\0\0\0\0\0", 8));
    out.u(runs.size());
    for (auto& r : runs) out.u(r.space), out.u(r.writer), out.u(r.first), out.u(r.last - r.first);
    row_sum sum;
    auto head = sum_of_runs(row, out.view().substr(8), sum);
    out.buffer().replace(0, 8, head);
    return out.take();
}

bool decode_heads(std::uint64_t row, bytes_view heads, std::vector<log_run>& runs) {
    runs.clear();
    row_sum sum;
    if (heads.size() < 9 || sum_of_runs(row, heads.substr(8), sum) != heads.substr(0, 8)) return false;
    decoder in(heads.substr(8));
    auto count = in.count(4);
    runs.reserve(count);
    for (std::uint64_t x = 0; x < count; ++x) {
        auto space = in.u(), writer = in.u(), first = in.u(), more = in.u();
        if (space > name_number_max || writer > 0xFFFFFFFF || first + more < first) in.fail();
        runs.push_back({std::uint32_t(space), std::uint32_t(writer), first, first + more});
    }
    if (!in.finished()) runs.clear();
    return in.finished();
}

std::string encode_directory(part_directory const& directory) {
    if (directory.parts.empty()) return {};
    encoder out;
    out.u(directory.base_count);
    out.u(directory.parts.size());
    for (auto& p : directory.parts) out.u(p.id), out.u(p.bytes);
    return out.take();
}

bool decode_directory(bytes_view bytes, part_directory& directory) {
    directory = {};
    if (bytes.empty()) return true;
    decoder in(bytes);
    directory.base_count = in.u();
    auto count = in.count(2);
    if (directory.base_count > count) in.fail();
    std::uint64_t total = 0;
    for (std::uint64_t x = 0; in.ok() && x < count; ++x) {
        part_place p{in.u(), in.u()};
        if (p.bytes > 2 * state_bytes_max || (total += p.bytes) > 2 * state_bytes_max) in.fail();
        directory.parts.push_back(p);
    }
    if (!in.finished()) directory = {};
    return in.finished();
}

object_copy object_row::copy() const {
    encoder out;
    out.u(type), out.bytes(key), out.u(upto), out.bytes(parts), out.bytes(tail), out.bytes(state);
    return {h, type, std::string(key), std::string(parts), out.take()};
}

row_sum sum_of_log(std::uint64_t row, std::int64_t at_ms, bytes_view heads, bytes_view bytes) {
    return row_summer().number(row).number(std::uint64_t(at_ms)).bytes(heads).bytes(bytes).finish();
}
row_sum sum_of_part(std::uint64_t id, std::int64_t h, bytes_view bytes) {
    return row_summer().number(id).number(std::uint64_t(h)).bytes(bytes).finish();
}
row_sum sum_of_name(std::uint64_t k, bytes_view bytes) { return row_summer().number(k).bytes(bytes).finish(); }
row_sum sum_of_meta(std::uint64_t k, bytes_view value) { return row_summer().number(k).bytes(value).finish(); }
row_sum sum_of_space(std::uint64_t n, std::uint64_t at, bytes_view vector, bytes_view heads) {
    return row_summer().number(n).number(at).bytes(vector).bytes(heads).finish();
}

} // namespace dunlin
