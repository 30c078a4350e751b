// Entry: what stands in a log row and in a push, from the series down to the delta of one field.
//
//   input := 0 mod 4 | bytes                  a series: what is read is written again as the same bytes
//          | 1 mod 4 | kind u8 | bytes        the delta of one field, checked and joined
//          | 2 mod 4 | body                   the next entry of a writer, whose series has the right number and hash
//          | 3 mod 4 | series                 as a peer pushes it
//
// The last two go to a space of its own, which has a few entries: refused leaves it as it was, byte for byte; accepted
// gives a state that a stranger, who has none of the types, takes piece by piece and has as the same digest.
#include "../lib/lone_space.hpp"
#include "parts.hpp"

namespace {
using namespace fuzz;
using lone::writer_of;

struct told_before {
    std::vector<series> said; // by writer 2, before the input
    id_vector heads;
    told_before() {
        lone::space a(2);
        for (int n : {1, 3}) {
            sampled::change(a.get<sampled::every>(), n);
            said.push_back(a.seal());
        }
    }
};
told_before const& before() {
    static auto const& b = *new told_before;
    return b;
}

/// Writer 1's space after the base history and a turn of its own.
std::unique_ptr<lone::space> made_space() {
    auto s = std::make_unique<lone::space>(std::uint8_t(1));
    (void)s->of<sampled::every>();
    for (auto& one : before().said) must(s->take(one), "the base history is refused");
    s->get<sampled::every>().sum += 5, s->get<sampled::every>().bag["sword"] += 1;
    s->body->seal();
    return s;
}

/// What must not change where nothing was accepted. A space is made anew once it has changed or learned anything.
struct standing {
    std::unique_ptr<lone::space> space = made_space();
    std::string digest = space->digest(), heads = space->heads();
    std::string state = space->state(space->of<sampled::every>());
    std::size_t objects = space->body->resident(), writers = space->body->table().size(), lines = count_lines();

    std::size_t count_lines() const {
        std::size_t n = 0;
        space->body->kinds().each([&](auto&, auto&, auto&) { ++n; });
        return n;
    }
    void unchanged() const {
        must(space->heads() == heads, "a refused entry moved the vector");
        must(space->body->resident() == objects, "a refused entry made an object");
        must(space->body->table().size() == writers, "a refused entry named a writer");
        must(space->state(space->of<sampled::every>()) == state, "a refused entry changed an object");
        must(space->digest() == digest, "a refused entry changed the digest");
    }
    /// Kinds that are learned from a refused entry stay; they are no state, but the next input is not to know them.
    bool as_new() const { return count_lines() == lines && space->body->machine().waiting_entries() == 0; }
};

/// It can be stored, shown, given on as state and added to.
void lives_on(lone::space& s) {
    auto digest = s.digest();
    lone::space stranger(std::uint8_t(7));
    must(stranger.take_state(s), "a stranger refuses the state");
    must(stranger.digest() == digest, "a stranger has another digest");
    must(stranger.heads() == s.heads(), "a stranger has other heads");
    auto& x = s.get<sampled::every>();
    x.sum += 1, x.bag["sword"] += 1, x.names.insert("more"), x.inners["sword"]->b = "more", x.on = true;
    s.body->seal();
    auto& o = s.of<sampled::every>();
    if (!o.fields().may_erase(o.value())) return; // somebody else has rights to spend
    s.erase<sampled::every>();
    s.body->seal();
    must(!s.of<sampled::every>().live(), "an erase of everything left something");
}

int given_to_a_space(series const& one) {
    static auto& now = *new std::optional<standing>; // never destroyed: what parts refer to is static, too
    if (!now) now.emplace();
    auto number = now->space->number_of(one.writer);
    bool taken = now->space->take(one);
    if (!taken && now->space->number_of(one.writer) == number) {
        now->unchanged();
        now->space->part(); // nothing more is taken of a writer from a peer of whom an entry was refused
        if (!now->as_new()) now.reset();
        return -1;
    }
    lives_on(*now->space);
    now.reset();
    return 0;
}

int one_series(bytes_view bytes) {
    decoder in(bytes);
    series read;
    if (!read.read(in)) return -1;
    encoder again;
    read.write(again);
    must(bytes.starts_with(again.view()), "a series is written otherwise than it was read");
    entry_body body;
    must(read.check(body), "a series that was read does not pass its check");
    return 0;
}

int next_body(bytes_view body) {
    entry_body read;
    if (!read.read(body)) return -1;
    auto& last = before().said.back();
    series_cursor at(last);
    must(at.next(), "the base history has an entry");
    auto& e = at.entry();
    series one;
    one.writer = last.writer, one.first = last.last() + 1;
    one.prior = prior_of(entry_hash(last.prior, e.writer, e.number, e.stamp, e.body));
    if (read.stamp_step > ~std::uint64_t(0) - e.stamp) return -1;
    one.first_stamp = e.stamp + read.stamp_step;
    one.add(body);
    if (!one.check(read)) return -1;
    return given_to_a_space(one);
}
} // namespace

int fuzz_one(std::uint8_t const* data, std::size_t size) {
    input in(data, size);
    switch (in.u8() % 4) {
    case 0:
        return one_series(in.rest());
    case 1: {
        auto& p = *known().kind(kinds[in.u8() % std::size(kinds)]);
        return delta_of_part(p, in.rest(), known());
    }
    case 2:
        return next_body(in.rest());
    }
    decoder bytes(in.rest());
    series one;
    return one.read(bytes) && bytes.finished() ? given_to_a_space(one) : -1;
}

std::vector<std::string> fuzz_samples() {
    std::vector<std::string> out;
    each_sample([&](std::size_t kind, bool is_state, bytes_view bytes) {
        if (!is_state) out.push_back(std::string{'\1', char(kind)}.append(bytes));
    });
    auto add = [&](series const& s) {
        encoder bytes;
        s.write(bytes);
        out.push_back(std::string(1, '\0').append(bytes.view()));
        out.push_back(std::string(1, '\3').append(bytes.view()));
        series_cursor at(s);
        while (at.next()) out.push_back(std::string(1, '\2').append(at.entry().body));
    };
    lone::space b(3);
    for (auto& s : before().said) must(b.take(s), "the base history"), add(s);
    lone::space author(2);
    for (int n : {1, 3, 2, 3, 4}) {
        sampled::change(author.get<sampled::every>(), n);
        add(author.seal());
    }
    author.erase<sampled::every>();
    add(author.seal());
    sampled::change(b.get<sampled::every>(), 3); // concurrent, by a third, who names writer 2
    add(b.seal());
    return out;
}
