// Histories: JSON lines of two formats, told apart by their steps; see the README of the material.
//
//   exec, pull        through ENTRIES: an operation is a turn; pull delivers the source's next causally ready one, as the
//                     message of a push
//   update, merge     through whole-state JOINS: the state of the space, chunk by chunk
//   r, ins, del       sequences: no type yet
//
// The two replicas of a pull or a merge stand in the data as [from, to], whatever the README's words are: `delivered`
// and the values leave no other reading.
// At the end of each both ways must lead to `converged`: by entries in any order and by states.
#include "replica.hpp"
#include <set>
#include <sstream>

namespace conformance {

namespace {
using replica_name = std::string;

json::object const& object(json::value const& v) {
    if (!v.is_object()) throw differs("no object: " + json::serialize(v));
    return v.as_object();
}
json::value const& member(json::object const& o, std::string_view name) {
    auto found = o.if_contains(name);
    if (!found) throw differs("no member '" + std::string(name) + "'");
    return *found;
}

class history {
    using clock = std::map<replica_name, std::uint64_t>;
    struct operation {
        clock before;
        json::array what;
        std::optional<dunlin::series> e; // none if it said nothing
    };
    struct one {
        std::unique_ptr<replica> r;
        clock seen;
        std::vector<operation> own;
    };
    std::string type_;
    std::map<replica_name, one> all_;
    std::set<std::string> masked_;
    std::size_t step_ = 0;

    std::string where(std::string const& what) const { return "step " + std::to_string(step_) + ", " + what; }
    one& find(json::value const& name) {
        auto& x = all_[text(name)];
        if (!x.r) {
            auto n = unsigned(all_.size());
            if (n > 100) throw differs("more than 100 replicas");
            x.r = std::make_unique<replica>(n);
        }
        return x;
    }
    void act(replica_name const& name, json::value const& op) {
        auto& x = find(json::value(name));
        operation done{x.seen, list(op), {}};
        x.r->clock(step_ + 1);
        done.e = x.r->turn([&] { change(*x.r, type_, done.what); });
        ++x.seen[name];
        x.own.push_back(std::move(done));
    }
    bool ready(one const& target, operation const& o) const {
        for (auto& [name, n] : o.before)
            if (n > of(target.seen, name)) return false;
        return true;
    }
    /// The source's next that can be delivered; 0: none.
    std::uint64_t pull(one& target, replica_name const& source) {
        auto& own = find(json::value(source)).own;
        auto& seen = target.seen[source];
        if (seen == own.size() || !ready(target, own[seen])) return 0;
        auto& o = own[seen];
        if (o.e && !target.r->absorb(*o.e))
            throw differs(where("an entry that is causally ready does not connect"));
        return ++seen;
    }
    void exec(json::object const& s) {
        auto name = text(member(s, "exec"));
        act(name, member(s, "op"));
        if (auto should = s.if_contains("clock"))
            for (auto& [r, n] : object(*should))
                if (find(json::value(name)).seen[std::string(r)] != std::uint64_t(number(n)))
                    throw differs(where("another clock than " + json::serialize(*should)));
    }
    void deliver(json::object const& s) {
        auto& ends = list(member(s, "pull"));
        auto n = pull(find(at(ends, 1)), text(at(ends, 0)));
        auto& should = member(s, "delivered");
        auto wanted = should.is_null() ? 0 : std::uint64_t(number(at(list(should), 1)));
        if (n != wanted || (n && text(at(list(should), 0)) != text(at(ends, 0))))
            throw differs(where("delivered " + std::to_string(n) + " instead of " + json::serialize(should)));
    }
    void merge(json::object const& s) {
        auto& ends = list(member(s, "merge"));
        auto &source = find(at(ends, 0)), &target = find(at(ends, 1));
        target.r->join(*source.r);
        for (auto& [name, n] : source.seen) target.seen[name] = std::max(target.seen[name], n);
        if (auto should = s.if_contains("value_after")) alike(*target.r, *should, where("after the merge"));
    }
    void step(json::object const& s) {
        if (s.contains("exec")) return exec(s);
        if (s.contains("pull")) return deliver(s);
        if (s.contains("merge")) return merge(s);
        if (s.contains("update")) return act(text(member(s, "update")), member(s, "op"));
        throw differs(where("an unknown step: " + json::serialize(s)));
    }
    void converge(json::value const& should) {
        replica fresh(90);
        for (auto& [name, x] : all_) fresh.join(*x.r);
        alike(fresh, should, "converged by states");
        auto states = fresh.save();
        for (bool more = true; more;) {
            more = false;
            for (auto& [target, x] : all_)
                for (auto& [source, y] : all_)
                    while (pull(x, source)) more = true;
        }
        for (auto& [name, x] : all_) {
            alike(*x.r, should, name + ", converged by entries");
            if (!(x.r->save() == states)) throw differs(name + ": by entries and by states there are other bytes");
        }
    }

    static std::uint64_t of(clock const& c, replica_name const& name) {
        auto it = c.find(name);
        return it == c.end() ? 0 : it->second;
    }
public:
    using keys = std::set<std::string>;
    /// `masked`: keys whose values are not compared.
    explicit history(json::object const& h, keys masked = {}) : type_(text(member(h, "type"))), masked_(std::move(masked)) {
        if (!kind_of(type_)) no_type(type_);
    }
    void play(json::object const& h) {
        for (auto& s : list(member(h, "steps"))) ++step_, step(object(s));
        for (auto& [name, should] : object(member(h, "values")))
            alike(*find(json::value(std::string(name))).r, should, std::string(name) + ", at the end");
        converge(member(h, "converged"));
    }
    /// Counters that a replica went on adding to while another, which had seen earlier additions of it, removed the key:
    /// riak_dt lets it keep all of its additions, counters here are exact.
    keys went_on_while_removed() const {
        keys found;
        auto is = [](operation const& o, std::string_view what, json::array const& removal) {
            return o.what.size() > 2 && text(o.what[0]) == what && o.what[1] == removal[1] && o.what[2] == removal[2];
        };
        for (auto& [remover, x] : all_)
            for (std::size_t n = 0; n < x.own.size(); ++n) {
                auto& r = x.own[n];
                if (!is(r, "remove_key", r.what) || kind_of(text(r.what[2])) != 'c') continue;
                for (auto& [adder, y] : all_)
                    for (bool earlier = false; auto& o : y.own) {
                        if (!is(o, "update", r.what)) continue;
                        auto number = std::uint64_t(&o - y.own.data()) + 1;
                        if (number <= of(r.before, adder))
                            earlier = true;
                        else if (earlier && of(o.before, remover) <= n)
                            found.insert(text(r.what[1]) + ":" + text(r.what[2]));
                    }
            }
        return found;
    }

private:
    void alike(replica& r, json::value const& should, std::string const& where_) const {
        auto without = [&](json::value v) {
            if (v.is_object())
                for (auto& k : masked_) v.as_object().erase(k);
            return v;
        };
        same(without(read(r, type_)), without(should), where_);
    }
};

void one_line(std::string const& line) {
    json::error_code error;
    auto parsed = json::parse(line, error);
    if (error) throw differs("not JSON: " + error.message());
    auto& h = object(parsed);
    if (!h.contains("type") && h.contains("steps") && h.contains("unit")) throw not_here("text: no sequence type yet");
    for (history::keys masked;;) {
        history one(h, masked);
        try {
            one.play(h);
        } catch (differs const&) {
            auto known = masked.size();
            if (text(member(h, "type")) == "map") masked.merge(one.went_on_while_removed());
            if (masked.size() == known) throw;
            continue;
        }
        if (masked.empty()) return;
        throw not_here("a counter removed while a replica went on adding to it: exact here, not in riak_dt; all else is equal");
    }
}
} // namespace

void histories(std::string const& text, report& r) {
    std::istringstream in(text);
    std::string line;
    for (std::size_t n = 1; std::getline(in, line); ++n)
        if (line.find_first_not_of(" \t\r") != line.npos) r.run("line " + std::to_string(n), [&] { one_line(line); });
}

} // namespace conformance
