// What must hold in a history after each step, and in the end.
#include "history.hpp"
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace clusters {

using std::chrono::milliseconds, std::chrono::seconds;

history::history(std::uint64_t s, scenario const* only, std::size_t nodes)
    : seed(s), what(draw_menu(s, only, nodes)), chance(s, "history"), c(what.nodes, s, [this](std::size_t, dunlin::options& o) {
          o.memory(what.memory).log_budget(what.log_budget);
      }) {
    for (std::size_t i = 0; i < c.size(); ++i)
        c.disk(i).timing.sync_mean = nanoseconds(std::int64_t(what.sync_ms * 1e6));
}

std::string history::run(int steps) {
    try {
        for (std::size_t i = 0; i < c.size(); ++i) live(i);
        for (; steps_done < steps && promised.failure().empty(); ++steps_done) step(), compare();
        if (promised.failure().empty()) heal();
        if (promised.failure().empty()) check_end();
        if (promised.failure().empty()) check_told();
        if (promised.failure().empty()) check_silence();
    } catch (std::exception const& e) { promised.fail(e.what()); }
    if (promised.failure().empty()) return {};
    std::string said;
    for (std::size_t i = 0; i < c.size(); ++i) said += told_by(i);
    return "seed " + std::to_string(seed) + ", step " + std::to_string(steps_done) + ": " + promised.failure() + "\n" + said;
}

/// Its alarms, each text once, beside those of links.
std::string history::told_by(std::size_t i) {
    std::map<std::string, int> times;
    for (auto& a : c.alarms(i))
        if (a.find("link ") != 0) ++times[a];
    std::string said;
    for (auto& [text, n] : times) said += name_of(i) + " told, " + std::to_string(n) + " times: " + text + "\n";
    return said;
}

void history::fail(std::string const& what_broke) { promised.fail(what_broke); }
bool history::is_safe(std::size_t i) const { return !what.has_victim() || (i != menu::victim && i < what.nodes); }

/// Whoever has the same heads, before and after its digest was computed, has the same digest.
void history::compare() {
    std::map<std::map<std::string, std::uint64_t>, std::vector<std::size_t>> same;
    for (std::size_t i = 0; i < c.size(); ++i) {
        if (!c.running(i)) continue;
        if (lives_[i].record) promised.look(name_of(i), *lives_[i].record, c.node(i));
        check_bounds(i);
        if (!c.held(i) && !c.disk(i).dead()) same[c.vector(i)].push_back(i);
    }
    for (auto& [vector, nodes] : same) {
        std::string digest;
        for (std::size_t k = 0; nodes.size() > 1 && k < nodes.size(); ++k) {
            auto one = digest_soon(nodes[k]);
            if (one.empty() || c.vector(nodes[k]) != vector) continue;
            if (digest.empty()) digest = one;
            if (digest != one)
                fail("equal vectors, unequal digests\n" + c.describe() + difference(nodes[0], nodes[k]));
        }
    }
}

/// Empty if it cannot be had now: a disk that fails again and again, a row that is damaged.
std::string history::digest_soon(std::size_t i) {
    auto answer = std::make_shared<std::optional<std::string>>();
    c.node(i).body()->spaces().at("main")->digest([this, answer](boost::system::error_code ec, std::string digest) {
        if (ec) tolerate(ec);
        *answer = std::move(digest);
    });
    c.time().run_until([&] { return answer->has_value(); }, seconds(5));
    return answer->value_or("");
}

/// Objects that two nodes show differently.
std::string history::difference(std::size_t a, std::size_t b) {
    using shown = std::map<std::string, std::string>;
    auto all = [this](std::size_t i) {
        auto found = std::make_shared<shown>();
        auto done = std::make_shared<bool>(false);
        c.node(i).body()->spaces().at("main")->each_object(
            nullptr, -1, 100'000, [found, done](auto ec, auto const& objects, auto, bool) {
                for (auto& o : objects)
                    if (o->live()) (*found)[o->type->name + " " + o->key] = dunlin::object_json(*o);
                if (ec) (*found)["error"] = ec.message();
                *done = true;
            });
        c.time().run_until([&] { return *done; }, seconds(5));
        return *found;
    };
    shown ours = all(a), theirs = all(b);
    std::string out;
    for (auto& [name, json] : ours)
        if (auto& other = theirs[name]; other != json) out += name + "\n  " + json + "\n  " + other + "\n";
    for (auto& [name, json] : theirs)
        if (!ours.contains(name)) out += name + "\n  nothing\n  " + json + "\n";
    return out;
}

/// Memory and disk stay within their settings, and a little.
void history::check_bounds(std::size_t i) {
    auto over = [&](char const* of, std::size_t is, std::size_t most) {
        if (is > most) fail(name_of(i) + " has " + std::to_string(is) + " bytes of " + of + ", at most " + std::to_string(most));
    };
    for (auto& [name, s] : c.node(i).body()->spaces()) {
        // The books are held by refs, and what is not on disk yet cannot leave memory.
        over("objects", s->resident_bytes(), what.memory + (1 << 20));
        over("waiting deltas", s->cold_bytes(), what.memory / 4 + (8 << 20));
        over("waiting entries", s->machine().waiting_bytes(), std::size_t(1) << 20);
    }
}

namespace {
/// A value made of the object's state and of what is known of its asides looks as it does; else what differs.
std::string difference_to_what_is_known(dunlin::space_body& space, dunlin::object& o) {
    using namespace dunlin;
    std::unique_ptr<object, void (*)(object*)> made(object::make(o.space, *o.type, o.key), object::destroy);
    auto at = [](object& of, struct_part::member const& m) { return static_cast<char*>(of.value()) + m.offset; };
    for (auto& m : o.made_by->members()) {
        if (m.type->asides() == asides_in::all) continue;
        slot_set used;
        m.type->each_slot(at(o, m), used);
        std::vector<std::uint32_t> slots;
        boost::unordered_flat_map<std::uint32_t, std::uint32_t> indices;
        used.each([&](std::uint32_t s) { indices.emplace(s, std::uint32_t(slots.size())), slots.push_back(s); });
        encoder bytes;
        saving out{bytes, indices};
        m.type->encode(at(o, m), out);
        decoder in(bytes.view());
        loading l{in, slots, writers::none, &space.kinds()};
        m.type->decode(at(*made, m), l);
    }
    space.told().each(o.type->name, o.key, [&](cells::place const& place, cells::value const& v) {
        auto m = o.made_by->aside_at(place.field);
        decoder path(place.below), below(place.below);
        if (m && v.held && m->type->aside_at(path)) m->type->show(at(*made, *m), {below, v.bytes, v.stamp, 0});
    });
    for (auto& m : o.made_by->members()) {
        boost::json::value is, should;
        m.type->to_json(at(o, m), is), m.type->to_json(at(*made, m), should);
        if (m.type->asides() != asides_in::nothing && is != should) return m.name + ": " + serialize(is) + " and not " + serialize(should);
    }
    return {};
}
} // namespace

/// What is told and not kept: all know the same, what is in memory shows just that, and one write more is shown by all.
void history::check_told() {
    auto all = [this](std::size_t i, std::map<std::string, std::string>& known) {
        auto& space = *c.node(i).body()->spaces().at("main");
        space.told().each([&](dunlin::cells::place const& at, dunlin::cells::value const& v) {
            if (v.held) known[at.type + " " + at.key + " " + std::to_string(at.field) + " " + at.below] = v.bytes + " of " + std::to_string(v.stamp);
            auto type = space.find_type(at.type);
            auto o = type ? space.find(*type, at.key) : nullptr;
            auto differs = o ? difference_to_what_is_known(space, *o) : std::string();
            if (!differs.empty()) fail(name_of(i) + " shows of " + at.type + " " + at.key + " something else than it knows, " + differs);
        });
        return space.told().bytes() > what.memory / 16; // some may have been dropped
    };
    bool partly = false;
    auto compare_all = [&](char const* when) {
        std::map<std::string, std::string> first;
        partly |= all(0, first);
        for (std::size_t i = 1; i < what.nodes; ++i) {
            std::map<std::string, std::string> other;
            partly |= all(i, other);
            std::string differs;
            for (auto& [place, value] : first)
                if (!other.contains(place) || other[place] != value) differs += place + ": " + value + " and " + (other.contains(place) ? other[place] : "nothing") + "\n";
            for (auto& [place, value] : other)
                if (!first.contains(place)) differs += place + ": nothing and " + value + "\n";
            if (!differs.empty() && !partly) fail("n0 and " + name_of(i) + " show other things that are told and not kept, " + when + ":\n" + differs);
        }
        told_and_not_kept += first.size();
    };
    compare_all("healed");
    for (std::size_t i = 0; i < what.nodes; ++i) {
        auto last = std::int64_t(2'000'000 + i);
        c.run(i, [last](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<one::last_word> w = co_await n.open<one::last_word>("w");
            w->said = last;
        });
        c.advance(seconds(2));
        for (std::size_t k = 0; k < what.nodes; ++k) {
            auto seen = c.run(k, [](dunlin::node& n) -> awaitable<std::int64_t> {
                dunlin::ref<one::last_word> w = co_await n.open<one::last_word>("w");
                co_return w->said.value();
            });
            // A table that is nearly full, and was filled while its own clock was a day ahead, drops what is said now.
            if (seen != last && !partly) fail(name_of(k) + " does not show the last that " + name_of(i) + " said");
        }
    }
}

void history::heal() {
    writing_ = false;
    c.time().note("world", "heals");
    c.heal();
    c.wire().set_faults(dunlin::sim::faults());
    end_twins();
    bool all_anew = chance.happens(0.5);
    for (std::size_t i = 0; i < what.nodes; ++i) {
        c.disk(i).clear_faults(), c.disk(i).set_room(~std::uint64_t(0)), c.disk(i).timing = {};
        c.disk(i).set_read_flips(0);
        c.clock(i).thaw(), c.clock(i).drift(0), c.clock(i).skew(nanoseconds(0));
        if (c.running(i) && c.held(i)) c.release(i);
        if (c.running(i) && (all_anew || c.disk(i).dead())) c.disk(i).dead() ? c.crash(i) : c.kill(i);
        start(i);
        if (!c.running(i)) start(i); // its damaged file was moved aside
        if (!c.running(i)) fail(name_of(i) + " does not start on a disk that is good");
    }
    auto healed = c.time().now();
    bool one = c.settle(settle_limit / 2);
    // What the victim alone had and rot took nobody can give back: its operator moves the file aside.
    if (!one) compare();
    if (!one && what.rot) ++given_up, c.kill(menu::victim), move_file_aside(menu::victim), start(menu::victim);
    if (!one) tend();
    if (!one && !c.settle(settle_limit / 2)) fail("no convergence in " + std::to_string(settle_limit.count()) + " s\n" + c.describe());
    healed_in = c.time().now() - healed;
}

/// What the index says is what the objects say, in one look.
awaitable<void> history::check_order(dunlin::node& n, std::size_t i) {
    std::map<std::string, dunlin::ref<stay>> all;
    for (dunlin::page_cursor cursor; !cursor.end;) {
        auto page = co_await n.list<stay>(cursor, 100);
        for (auto& key : page.first) all[key] = co_await n.open<stay>(key);
        cursor = page.second;
    }
    auto query = n.all<stay>().order_by(&stay::uses).limit(10'000);
    auto rows = co_await query.read();
    auto now = query.local();
    if (!now || !now->is_exact()) co_return;
    std::size_t there = 0;
    for (auto& [key, one] : all) there += one.exists();
    if (now->total() != there) promised.fail(name_of(i) + ": the index has " + std::to_string(now->total()) + " of " + std::to_string(there));
    for (auto& [key, uses] : *now)
        if (!all[key] || !all[key].exists() || all[key]->uses != uses) promised.fail(name_of(i) + ": the index shows another " + key);
}

void history::check_end() {
    c.advance(seconds(3)); // watches hear of the last changes
    for (std::size_t i = 0; i < what.nodes; ++i) {
        c.run(i, [this, i](dunlin::node& n) -> awaitable<void> {
            dunlin::ref<books> b = co_await n.open<books>("books");
            promised.settled(name_of(i), *b);
            auto& mine = *lives_[i].record;
            promised.observe(mine, *b);
            long sum = 0;
            for (auto [key, count] : b->made) sum += long(count);
            if (mine.watching && mine.told != sum) promised.fail(name_of(i) + ": a watch was not told of the last change");
            if (build_of(i) != 1) co_return;
            try {
                co_await check_order(n, i);
            } catch (boost::system::system_error const& e) {
                if (e.code() != dunlin::node_errc::memory_full) throw; // some nodes have next to none
            }
        });
    }
    for (auto& [key, run] : promised.runs) lost += run.attempted;
    c.run(0, [this](dunlin::node& n) -> awaitable<void> {
        dunlin::ref<books> b = co_await n.open<books>("books");
        for (auto [key, count] : b->made) lost -= long(count);
    });
}

/// Nodes that agree and have nothing to do say so once a second and link, and nothing more.
void history::check_silence() {
    c.advance(seconds(10));
    auto before = c.wire().carried_bytes();
    auto steps = c.time().steps();
    c.advance(seconds(20));
    if (c.time().steps() - steps > 20'000 * what.nodes) fail("silent nodes wake without end: " + std::to_string(c.time().steps() - steps) + " steps");
    idle_bytes_per_s = (c.wire().carried_bytes() - before) / 20;
    auto most = 1000 * what.nodes * (what.nodes - 1);
    if (idle_bytes_per_s > most)
        fail("silent nodes send " + std::to_string(idle_bytes_per_s) + " bytes a second, at most " + std::to_string(most));
}

} // namespace clusters
