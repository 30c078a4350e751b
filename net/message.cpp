// length: every word, written and read, in one place
#include "message.hpp"
#include "../crdt/dot.hpp"
#include <algorithm>

namespace dunlin {
namespace {

enum kind : std::uint8_t {
    k_name_space = 1,
    k_name_writer = 2,
    k_ping = 3,
    k_pong = 4,
    k_close = 5,
    k_peers = 6,
    k_tool_request = 7,
    k_tool_answer = 8,
    k_holds = 9,
    k_space_first = 16, // kinds from here to k_space_last stand in the order of space_message
    k_space_last = 26,
    may_ignore = 0x80,
    k_cells = may_ignore | 27 // the last of space_message
};
static_assert(k_space_last - k_space_first + 2 == std::variant_size_v<space_message>);

std::uint8_t kind_of(space_message const& said) {
    auto index = said.index();
    return index == std::variant_size_v<space_message> - 1 ? std::uint8_t(k_cells) : std::uint8_t(k_space_first + index);
}
std::size_t index_of(std::uint8_t k) {
    return k == k_cells ? std::variant_size_v<space_message> - 1 : std::size_t(k - k_space_first);
}

std::string text_of(decoder& in, std::size_t most) { return std::string(in.bytes(most)); }

bool flag_of(decoder& in) {
    auto b = in.u8();
    if (b > 1) in.fail();
    return b == 1;
}

void write_addresses(encoder& out, std::vector<std::string> const& list) {
    out.u(list.size());
    for (auto& a : list) out.bytes(a);
}

std::vector<std::string> read_addresses(decoder& in) {
    std::vector<std::string> list;
    auto n = in.count(1);
    if (n > wire_bounds::addresses_max) return in.fail(), list;
    for (; n-- && in.ok();) list.push_back(text_of(in, wire_bounds::address_max));
    return list;
}

} // namespace

struct message_writer {
    session& s;
    encoder& out;   // payload
    encoder& names; // definitions that must come before it

    void define(kind k, std::uint32_t number, auto&& value) {
        encoder body;
        body.u8(k), body.u(number), value(body);
        names.bytes(body.view());
    }
    void space(std::string_view name) {
        auto& o = s.out_;
        if (auto it = o.space_numbers.find(name); it != o.space_numbers.end()) return out.u(it->second);
        auto number = o.next_space++ % wire_bounds::spaces_max;
        if (number < o.spaces.size()) {
            o.space_numbers.erase(o.spaces[number]);
            o.spaces[number] = name;
        } else {
            o.spaces.emplace_back(name);
        }
        o.space_numbers.emplace(std::string(name), number);
        define(k_name_space, number, [&](encoder& e) { e.bytes(name); });
        out.u(number);
    }
    void writer(writer_id const& w) {
        auto& o = s.out_;
        if (auto it = o.writer_numbers.find(w); it != o.writer_numbers.end()) return out.u(it->second);
        auto number = o.next_writer++ % wire_bounds::writers_max;
        if (number < o.writers.size()) {
            o.writer_numbers.erase(o.writers[number]);
            o.writers[number] = w;
        } else {
            o.writers.push_back(w);
        }
        o.writer_numbers.emplace(w, number);
        define(k_name_writer, number, [&](encoder& e) { write_writer(e, w); });
        out.u(number);
    }
    void vector(id_vector const& v) {
        out.u(v.size());
        for (auto& x : v) writer(x.writer), out.u(x.number);
    }
    void series(dunlin::series const& x) { writer(x.writer), x.write_after_writer(out); }

    void operator()(word::digest const& w) { out.u64(w.heads), out.u64(w.durable), out.u8(w.synced); }
    void operator()(word::same const& w) { out.u64(w.durable), out.u8(w.synced); }
    void operator()(word::heads const& w) {
        out.u8(std::uint8_t(w.complete | w.reply << 1 | w.synced << 2));
        out.u(w.list.size());
        for (auto& c : w.list) writer(c.writer), out.u(c.number), out.u64(c.mark);
        vector(w.durable);
    }
    void operator()(word::pull const& w) { out.u(w.ticket), vector(w.have), out.u(w.budget_bytes); }
    void operator()(word::range const& w) {
        out.u(w.ticket), vector(w.basis), out.u8(w.more), out.u(w.list.size());
        for (auto& x : w.list) series(x);
    }
    void operator()(word::push const& w) { series(w.series); }
    void operator()(word::durable const& w) { vector(w.vector); }
    void operator()(word::behind const& w) { out.u(w.ticket), vector(w.floor); }
    void operator()(word::state_pull const& w) { out.u(w.token), out.bytes(w.cursor); }
    void operator()(word::state_chunk const& w) {
        out.u(w.token), out.u8(w.last), out.bytes(w.cursor), out.bytes(w.next), out.bytes(w.bytes);
    }
    void operator()(word::busy const& w) { out.u(w.ticket), out.u(std::uint64_t(w.retry_after.count())); }

    void operator()(word::cells const& w) {
        out.u8(w.tells_links);
        if (w.tells_links) {
            out.u(w.links.size());
            for (auto& n : w.links) out.raw({reinterpret_cast<char const*>(n.data()), n.size()});
        }
        out.u(w.list.size());
        std::vector<std::string_view> types;
        for (auto& c : w.list) {
            auto t = std::size_t(std::find(types.begin(), types.end(), c.type) - types.begin());
            if (t == types.size())
                out.u(0), out.bytes(c.type), types.push_back(c.type);
            else
                out.u(t + 1);
            out.bytes(c.key), out.u32(c.field), writer(c.writer), out.u(c.stamp), out.u8(std::uint8_t(c.held + 2 * !c.below.empty()));
            if (!c.below.empty()) out.bytes(c.below);
            if (c.held) out.bytes(c.value);
        }
    }

    void operator()(in_space const& w) {
        out.u8(kind_of(w.said));
        space(w.space);
        std::visit(*this, w.said);
    }
    void operator()(word::ping const& w) { out.u8(k_ping), out.u(w.token); }
    void operator()(word::pong const& w) { out.u8(k_pong), out.u(w.token); }
    void operator()(word::close const& w) { out.u8(k_close), out.u8(std::uint8_t(w.reason)), out.bytes(w.text); }
    void operator()(word::peers const& w) {
        out.u8(k_peers), out.u(w.list.size());
        for (auto& p : w.list)
            out.raw({reinterpret_cast<char const*>(p.node.data()), 16}), out.bytes(p.name),
                write_addresses(out, p.addresses);
    }
    void operator()(word::tool_request const& w) { out.u8(k_tool_request), out.u(w.id), out.bytes(w.text); }
    void operator()(word::tool_answer const& w) { out.u8(k_tool_answer), out.u(w.id), out.bytes(w.json); }
    void operator()(word::holds const& w) { out.u8(k_holds), out.bytes(w.space), out.u8(w.here); }
};

struct message_reader {
    session& s;
    decoder& in;
    bool undefined = false; // a number that was never given

    writer_id writer() {
        auto n = in.u();
        if (n >= s.writers_in_.size()) return in.fail(), undefined = true, writer_id();
        return s.writers_in_[n];
    }
    id_vector vector() {
        id_vector v;
        auto n = in.count(2);
        if (n > wire_bounds::vector_max) return in.fail(), v;
        v.reserve(n);
        for (; n-- && in.ok();) {
            writer_number x;
            x.writer = writer(), x.number = in.u();
            if (!x.number || x.number > dot::number_max || (!v.empty() && !(v.back().writer < x.writer))) in.fail();
            v.push_back(x);
        }
        return v;
    }
    void series(dunlin::series& x) {
        x.writer = writer();
        if (in.ok()) (void)x.read_after_writer(in);
    }

    void get(word::digest& w) { w.heads = in.u64(), w.durable = in.u64(), w.synced = flag_of(in); }
    void get(word::same& w) { w.durable = in.u64(), w.synced = flag_of(in); }
    void get(word::heads& w) {
        auto flags = in.u8();
        if (flags > 7) in.fail();
        w.complete = flags & 1, w.reply = flags & 2, w.synced = flags & 4;
        auto n = in.count(10);
        if (n > wire_bounds::vector_max) return in.fail();
        w.list.reserve(n);
        for (; n-- && in.ok();) {
            word::claim c;
            c.writer = writer(), c.number = in.u(), c.mark = in.u64();
            if (!c.number || c.number > dot::number_max) in.fail();
            if (!w.list.empty() && !(w.list.back().writer < c.writer)) in.fail();
            w.list.push_back(c);
        }
        w.durable = vector();
    }
    void get(word::pull& w) { w.ticket = in.u(), w.have = vector(), w.budget_bytes = in.u(); }
    void get(word::range& w) {
        w.ticket = in.u(), w.basis = vector(), w.more = flag_of(in);
        auto n = in.count(7);
        if (n > wire_bounds::series_max) return in.fail();
        for (; n-- && in.ok();) series(w.list.emplace_back());
    }
    void get(word::push& w) { series(w.series); }
    void get(word::durable& w) { w.vector = vector(); }
    void get(word::behind& w) { w.ticket = in.u(), w.floor = vector(); }
    void get(word::state_pull& w) { w.token = in.u(), w.cursor = text_of(in, wire_bounds::cursor_max); }
    void get(word::state_chunk& w) {
        w.token = in.u(), w.last = flag_of(in);
        w.cursor = text_of(in, wire_bounds::cursor_max), w.next = text_of(in, wire_bounds::cursor_max);
        w.bytes = text_of(in, wire_bounds::chunk_max);
    }
    void get(word::busy& w) {
        w.ticket = in.u();
        auto ms = in.u();
        if (ms > 3'600'000) in.fail();
        w.retry_after = std::chrono::milliseconds(in.ok() ? ms : 0);
    }
    /// A node's own order of types in it: the k-th that was named, from 1.
    void get(word::cells& w) {
        if ((w.tells_links = flag_of(in))) {
            auto n = in.count(16);
            if (n > wire_bounds::cell_links_max) return in.fail();
            for (; n-- && in.ok();) {
                auto id = in.raw(16);
                if (id.size() != 16) return in.fail();
                auto& one = w.links.emplace_back();
                std::memcpy(one.data(), id.data(), 16);
                if (w.links.size() > 1 && !(w.links[w.links.size() - 2] < one)) in.fail();
            }
        }
        auto n = in.count(11);
        if (n > wire_bounds::cells_max) return in.fail();
        std::vector<std::size_t> types; // where each was named
        for (; n-- && in.ok();) {
            auto& c = w.list.emplace_back();
            auto t = in.u();
            if (t > types.size()) return in.fail();
            if (t == 0)
                types.push_back(w.list.size() - 1), c.type = text_of(in, wire_bounds::name_max);
            else
                c.type = w.list[types[t - 1]].type;
            c.key = text_of(in, wire_bounds::name_max), c.field = in.u32(), c.writer = writer(), c.stamp = in.u();
            auto is = in.u8();
            c.held = is & 1;
            if (is & 2) c.below = text_of(in, wire_bounds::cell_below_max);
            if (c.held) c.value = text_of(in, wire_bounds::cell_value_max);
            if (is > 3 || c.type.empty() || c.key.empty() || (is && !c.field) || bool(is & 2) == c.below.empty()) in.fail();
        }
    }
    void get(word::ping& w) { w.token = in.u(); }
    void get(word::pong& w) { w.token = in.u(); }
    void get(word::close& w) {
        auto r = in.u8();
        if (r > std::uint8_t(word::reason::silent)) r = std::uint8_t(word::reason::refused);
        w.reason = word::reason(r), w.text = text_of(in, wire_bounds::name_max);
    }
    void get(word::peers& w) {
        auto n = in.count(18);
        if (n > wire_bounds::peers_max) return in.fail();
        for (; n-- && in.ok();) {
            auto& p = w.list.emplace_back();
            auto id = in.raw(16);
            if (id.size() == 16) std::memcpy(p.node.data(), id.data(), 16);
            p.name = text_of(in, wire_bounds::name_max), p.addresses = read_addresses(in);
        }
    }
    void get(word::tool_request& w) { w.id = in.u(), w.text = text_of(in, wire_bounds::text_max); }
    void get(word::tool_answer& w) { w.id = in.u(), w.json = text_of(in, wire_bounds::json_max); }
    void get(word::holds& w) {
        w.space = text_of(in, wire_bounds::name_max), w.here = flag_of(in);
        if (w.space.empty()) in.fail();
    }

    template <std::size_t... I> void get_space(space_message& said, std::size_t index, std::index_sequence<I...>) {
        ((index == I ? get(said.emplace<I>()) : void()), ...);
    }
    void get(in_space& w, std::uint8_t k) {
        auto n = in.u();
        if (n >= s.spaces_in_.size()) return in.fail(), void(undefined = true);
        w.space = s.spaces_in_[n];
        get_space(w.said, index_of(k), std::make_index_sequence<std::variant_size_v<space_message>>());
    }

    // Definitions: a number is the next free one or one in use.
    template <class T> void define(std::vector<T>& table, std::uint32_t most, T value, std::uint64_t number) {
        if (!in.finished() || number > table.size() || number >= most) return in.fail();
        if (number == table.size()) table.emplace_back();
        table[number] = std::move(value);
    }
    void name_space() {
        auto number = in.u();
        auto name = text_of(in, wire_bounds::name_max);
        if (name.empty()) in.fail();
        define(s.spaces_in_, wire_bounds::spaces_max, std::move(name), number);
    }
    void name_writer() {
        auto number = in.u();
        auto w = read_writer(in);
        define(s.writers_in_, wire_bounds::writers_max, w, number);
    }

    enum class outcome { said, defined, unknown };
    outcome read(std::uint8_t k, message& said) {
        if ((k >= k_space_first && k <= k_space_last) || k == k_cells) return get(said.emplace<in_space>(), k), outcome::said;
        switch (k) {
        case k_name_space:
            return name_space(), outcome::defined;
        case k_name_writer:
            return name_writer(), outcome::defined;
        case k_ping:
            return get(said.emplace<word::ping>()), outcome::said;
        case k_pong:
            return get(said.emplace<word::pong>()), outcome::said;
        case k_close:
            return get(said.emplace<word::close>()), outcome::said;
        case k_peers:
            return get(said.emplace<word::peers>()), outcome::said;
        case k_tool_request:
            return get(said.emplace<word::tool_request>()), outcome::said;
        case k_tool_answer:
            return get(said.emplace<word::tool_answer>()), outcome::said;
        case k_holds:
            return get(said.emplace<word::holds>()), outcome::said;
        }
        return outcome::unknown;
    }
};

std::string refusal::text() const {
    switch (what) {
    case fault::none:
        return "no fault";
    case fault::malformed:
        return "a malformed message of kind " + std::to_string(kind);
    case fault::unknown_kind:
        return "an unknown message kind " + std::to_string(kind) + "; the peer may run a newer version";
    case fault::unknown_number:
        return "a message of kind " + std::to_string(kind) + " that uses a number never given";
    case fault::oversized:
        return "a message above its bound";
    }
    return "unknown";
}

void session::write(std::string_view space, space_message const& said, encoder& frame) {
    payload_.clear(), names_.clear();
    message_writer w{*this, payload_, names_};
    payload_.u8(kind_of(said));
    w.space(space);
    std::visit(w, said);
    frame.raw(names_.view()), frame.bytes(payload_.view());
}

void session::write(message const& said, encoder& frame) {
    payload_.clear(), names_.clear();
    message_writer w{*this, payload_, names_};
    std::visit(w, said);
    frame.raw(names_.view()), frame.bytes(payload_.view());
}

bool session::read(decoder& frame, message& said, refusal& why) {
    using fault = refusal::fault;
    while (!frame.done()) {
        auto bytes = frame.bytes();
        if (!frame.ok() || bytes.empty()) return why = {fault::malformed, 0}, false;
        decoder in(bytes);
        auto k = in.u8();
        message_reader r{*this, in};
        auto outcome = r.read(k, said);
        if (outcome == message_reader::outcome::unknown) {
            if (k & may_ignore) continue;
            return why = {fault::unknown_kind, k}, false;
        }
        if (r.undefined) return why = {fault::unknown_number, k}, false;
        if (!in.finished() && !(in.ok() && mutant("codec_ignores_a_tail"))) return why = {fault::malformed, k}, false;
        if (outcome == message_reader::outcome::said) return true;
    }
    if (!frame.ok()) why = {fault::malformed, 0};
    return false;
}

std::string hello::write() const {
    encoder out;
    out.u8(tool), out.bytes(name), write_addresses(out, addresses);
    return out.take();
}

bool hello::read(bytes_view bytes) {
    // Later versions may append: what follows the known fields is theirs.
    decoder in(bytes);
    tool = flag_of(in);
    name = text_of(in, wire_bounds::name_max), addresses = read_addresses(in);
    return in.ok();
}

} // namespace dunlin
