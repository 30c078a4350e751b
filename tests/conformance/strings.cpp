// Strings: naughty and ill-formed text is set, replicated, persisted and reloaded, and is then what it was, byte for
// byte: as element, as value, as key of a map. As key of an object it is the same, or refused at the call.
//
// All strings of a file go through one cluster of two nodes with files (lib/sim): the first writes, both are told, the
// second loses power after what it has was confirmed, and reads it from its file.
#include "replica.hpp"
#include <dunlin/lib/node.hpp>
#include <dunlin/lib/sim/cluster.hpp>

namespace conformance {

struct holder {
    dunlin::set<std::string> elements;
    dunlin::latest<std::string> value;
    dunlin::map<std::string, dunlin::counter> keys;
};
DUNLIN_OBJECT_AS("strings.holder", holder, elements, value, keys)

namespace {
using boost::asio::awaitable;
using dunlin::node;

/// Written by one, an entry to a second, a state to a third, erased again everywhere.
void survives(std::string const& s) {
    replica a(1), b(2), c(3);
    auto e = a.turn([&] { a->elements.insert(s), a->value = s, a->keys.counters[s] += 1; });
    if (!e || !b.absorb(*e)) throw differs("no entry");
    c.join(b);
    for (auto r : {&a, &b, &c}) {
        auto& y = **r;
        bool same = y.elements.size() == 1 && *y.elements.begin() == s && y.value.value() == s &&
                    y.elements.contains(s) && y.keys.counters.contains(s) && (*y.keys.counters.begin()).first == s;
        if (!same) throw differs("it came out otherwise");
    }
    if (!(a.save() == c.save())) throw differs("other states");
    auto shown = json::parse(c.json());
    auto& value = shown.at("value");
    if (dunlin::is_utf8(s) ? value != json::value(s) : !value.is_object()) throw differs("shown as " + json::serialize(value));
    auto gone = c.turn([&] { c->elements.erase(s), c->keys.counters.erase(s); });
    if (!gone || !a.absorb(*gone)) throw differs("its erasing is not taken");
    if (!a->elements.empty() || !a->keys.counters.empty()) throw differs("it cannot be erased again");
}

bool may_be_a_key(std::string const& s) { return !s.empty() && s.size() <= 512 && dunlin::is_utf8(s); }
std::string place(std::size_t n) { return "string " + std::to_string(n); }

awaitable<void> write_all(node& n, std::vector<std::string> const& all, std::vector<std::string>& failed) {
    std::optional<dunlin::receipt> last;
    for (std::size_t k = 0; k < all.size(); ++k) {
        auto& s = all[k];
        auto where = place(k);
        auto held = co_await n.open<holder>(where);
        held->elements.insert(s), held->value = s, held->keys[s] += 1;
        bool refused = false;
        try {
            auto named = co_await n.open<holder>(s);
            named->value = s;
        } catch (boost::system::system_error const& e) { refused = e.code() == dunlin::node_errc::bad_name; }
        if (refused == may_be_a_key(s)) failed[k] = refused ? "refused as a key" : "taken as a key";
        last.emplace(n.seal());
    }
    if (!last) co_return;
    co_await last->saved();
}

awaitable<void> read_all(node& n, std::vector<std::string> const& all, std::vector<std::string>& failed, std::string who) {
    for (std::size_t k = 0; k < all.size(); ++k) {
        auto& s = all[k];
        auto where = place(k);
        auto held = co_await n.open<holder>(where);
        bool same = held->elements.size() == 1 && *held->elements.begin() == s && held->value.value() == s &&
                    held->keys.contains(s) && (*held->keys.begin()).first == s;
        if (!same) failed[k] = "it is another one at " + who;
        if (!may_be_a_key(s)) continue;
        auto named = co_await n.open<holder>(s);
        if (named->value.value() != s || named.key() != s) failed[k] = "under it there is something else at " + who;
    }
}

/// Why each did not come through; empty: it did.
std::vector<std::string> through_files(std::vector<std::string> const& all) {
    std::vector<std::string> failed(all.size());
    dunlin::sim::cluster c(2, 1, [](std::size_t, dunlin::options& o) {
        o.memory(256 << 10).sync_deadline(std::chrono::milliseconds(1)); // alone, it waits for nobody
    });
    c.run(0, [&](node& n) { return write_all(n, all, failed); });
    bool settled = c.settle(std::chrono::minutes(5));
    auto digest = c.digest(0);
    c.run(1, [&](node& n) { return read_all(n, all, failed, "the other node"); });
    c.advance(std::chrono::minutes(1));
    for (std::size_t i : {1, 0}) {
        c.partition({0}, {1}); // from its file alone
        c.crash(i), c.restart(i);
        c.run(i, [&](node& n) { return read_all(n, all, failed, "a node that came back from its file"); });
        bool same = c.digest(i) == digest;
        c.heal();
        settled = settled && same && c.settle(std::chrono::minutes(5)) && c.digest(i) == digest;
    }
    if (!settled)
        for (auto& f : failed)
            if (f.empty()) f = "the nodes do not converge on what was written";
    return failed;
}
} // namespace

void strings(std::vector<std::string> const& all, std::string const& what, report& r) {
    std::vector<std::string> failed(all.size(), "not tried");
    try {
        failed = through_files(all);
    } catch (std::exception const& e) { failed.assign(all.size(), std::string("through files: ") + e.what()); }
    for (std::size_t n = 0; n < all.size(); ++n)
        r.run(what + " " + std::to_string(n), [&] {
            survives(all[n]);
            if (!failed[n].empty()) throw differs(failed[n]);
        });
}

} // namespace conformance
