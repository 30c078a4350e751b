// State: whole values, as rows keep them and peers give them.
//
//   input := 0 mod 4 | kind u8 | bytes        the state of one field
//          | 1 mod 4 | u8 | state             of an object; u8 odd: of a type that the program does not have
//          | 2 mod 4 | n x (length 2, piece)  a space as state, piece by piece, to a space that has something
//          | 3 mod 4 | heads
//
// What is accepted is written again as the same bytes. A state that breaks off or is refused leaves the space as it
// was; one that is joined makes its vector and ours one, and can be given on.
#include "../lib/lone_space.hpp"
#include "parts.hpp"

namespace {
using namespace fuzz;

/// A space whose program has the type, and one that knows it from an entry alone.
lone::space& program(bool has_it) {
    // Never destroyed: what parts refer to is static, too.
    static auto &ours = *new lone::space(std::uint8_t(1)), &strange = *new lone::space(std::uint8_t(5));
    static bool const told = [] {
        lone::space author(2);
        sampled::change(author.get<sampled::every>(), 1);
        (void)ours.of<sampled::every>();
        return strange.take(author.seal());
    }();
    must(told, "the stranger's entry");
    return has_it ? ours : strange;
}

int object_state_of(bool has_it, bytes_view bytes) {
    auto& s = program(has_it);
    auto& type = *s.body->find_type("every");
    writers table; // of its own: a refused state may have named writers
    auto names = full_names(table);
    constexpr std::uint32_t nobody = 1u << 18;
    auto make = [&] { return std::shared_ptr<object>(object::make(*s.body, type, "k"), object::destroy); };
    auto o = make(), twice = make();
    if (!decode_object(*o, bytes, names, nobody, s.body->kinds())) return -1;
    auto once = encode_object(*o, table, names);
    must(once.size() <= bytes.size(), "a state grows by being read");
    must(decode_object(*twice, once, names, nobody, s.body->kinds()), "a state that was written is refused");
    must(encode_object(*twice, table, names) == once, "a state is written otherwise than it was read");
    must(digest_object(*o, table) == digest_object(*twice, table), "one state has two digests");
    return 0;
}

std::size_t lines_known(lone::space& s) {
    std::size_t n = 0;
    s.body->kinds().each([&](auto&, auto&, auto&) { ++n; });
    return n;
}

/// Writer 1's space, with a turn of its own, and what must not change where a state is refused.
struct standing {
    lone::space space{std::uint8_t(1)};
    std::string digest, heads, state;
    std::size_t objects = 0, lines = 0, writers = 0;

    standing() {
        sampled::change(space.get<sampled::every>(), 2);
        space.body->seal();
        digest = space.digest(), heads = space.heads(), state = space.state(space.of<sampled::every>());
        objects = space.body->resident(), lines = lines_known(space), writers = space.body->table().size();
    }
    void unchanged() {
        must(space.heads() == heads, "a refused state moved the vector");
        must(space.body->resident() == objects, "a refused state made an object");
        must(space.state(space.of<sampled::every>()) == state, "a refused state changed an object");
        must(space.digest() == digest, "a refused state changed the digest");
    }
    /// Names of writers and kinds that were learned stay; the next input is not to know them.
    bool as_new() { return lines_known(space) == lines && space.body->table().size() == writers; }
};

int pieces(input& in) {
    static auto& now = *new std::optional<standing>;
    if (!now) now.emplace();
    auto& s = now->space;
    must(s.begin_transfer(), "no state is asked for");
    std::string cursor;
    for (int n = 0; n < 8; ++n) {
        word::state_chunk c;
        c.token = 1, c.cursor = cursor, c.next = cursor = std::string(1, char('a' + n));
        c.bytes = in.piece(), c.last = in.done();
        bool last = c.last;
        if (!s.give(std::move(c)) || last) break;
    }
    if (!s.joined()) {
        s.part(); // a transfer that breaks off
        now->unchanged();
        if (!now->as_new()) now.reset();
        return -1;
    }
    must(s.body->known().of(s.writer).number >= 1, "our own entry is gone");
    lone::space next(std::uint8_t(7));
    must(next.take_state(s), "a joined state is refused by the next one");
    must(next.digest() == s.digest() && next.heads() == s.heads(), "the next one has another state");
    sampled::change(s.get<sampled::every>(), 3);
    s.body->seal();
    now.reset();
    return 0;
}

int heads_of(bytes_view bytes) {
    writers table;
    heads h(table);
    decoder in(bytes);
    if (!h.read(in)) {
        must(h.size() == 0, "refused heads are adopted in part");
        return -1;
    }
    if (!in.finished()) return -1; // what follows them is refused by who reads them
    encoder out;
    h.write(out);
    writers other;
    heads twice(other);
    decoder again(out.view());
    must(twice.read(again) && again.finished(), "heads that were written are refused");
    encoder last;
    twice.write(last);
    must(last.view() == out.view() && twice.digest() == h.digest(), "heads are written otherwise than they were read");
    return 0;
}
} // namespace

int fuzz_one(std::uint8_t const* data, std::size_t size) {
    input in(data, size);
    switch (in.u8() % 4) {
    case 0: {
        auto& p = *known().kind(kinds[in.u8() % std::size(kinds)]);
        return state_of_part(p, in.rest(), known());
    }
    case 1: {
        bool has_it = in.u8() % 2 == 0;
        return object_state_of(has_it, in.rest());
    }
    case 2:
        return pieces(in);
    }
    return heads_of(in.rest());
}

std::vector<std::string> fuzz_samples() {
    std::vector<std::string> out;
    each_sample([&](std::size_t kind, bool is_state, bytes_view bytes) {
        if (is_state) out.push_back(std::string{'\0', char(kind)}.append(bytes));
    });
    lone::space a(2), b(3);
    for (int n = 1; n < 4; ++n) {
        sampled::change(a.get<sampled::every>(), n);
        must(b.take(a.seal()), "the sample history");
        sampled::change(b.get<sampled::every>("other"), n + 1);
        must(a.take(b.seal()), "the sample history");
        auto state = a.state(a.of<sampled::every>());
        out.push_back(std::string("\1\0", 2).append(state)), out.push_back(std::string("\1\1", 2).append(state));
        out.push_back(std::string("\3").append(a.heads()));
        std::string all = "\2";
        for (auto& p : a.pieces()) all += piece(p);
        if (all.size() < 4096) out.push_back(all);
    }
    lone::space small(std::uint8_t(4));
    small.get<sampled::every>().sum += 1;
    small.body->seal();
    std::string all = "\2";
    for (auto& p : small.pieces()) all += piece(p);
    out.push_back(all);
    return out;
}
