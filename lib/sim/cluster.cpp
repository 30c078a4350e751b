#include "cluster.hpp"
#include "../node_body.hpp"
#include "../space_body.hpp"
#include "../store_runner.hpp"

namespace dunlin::sim {

struct cluster::member {
    std::string name;
    options settings;
    node_clock clock;
    sim::disk disk;
    identity own;
    std::uint64_t runs = 0;
    std::string chance_of; // whose stream of chance its next run draws; empty: its own
    process* run = nullptr;
    std::unique_ptr<generator> chance; // of the present run
    std::unique_ptr<dunlin::node> node;
    std::vector<std::string> alarms;

    member(world& w, std::string const& n, identity const& id)
        : name(n), clock(w, n), disk(n, w.seed(), &clock), own(id) {}
};

cluster::cluster(std::size_t nodes, std::uint64_t seed, adjuster const& adjust, bool started)
    : world_(seed), network_(world_) {
    auto secret = world_.chance("cluster key");
    key_ = cluster_key::make(secret).text();
    for (std::size_t i = 0; i < nodes; ++i) {
        auto name = "n" + std::to_string(i);
        auto who = world_.chance("identity", i);
        auto& m = *members_.emplace_back(std::make_unique<member>(world_, name, identity::make(who)));
        network_.attach(name);
        m.settings.name(name).data("node.db").listen(name + ":1");
        std::string before;
        for (std::size_t k = 0; k < i; ++k) before += (k ? ",n" : "n") + std::to_string(k) + ":1";
        if (!before.empty() && !adjust) m.settings.join(before);
        if (adjust) {
            adjust(i, m.settings);
            if (m.settings.join().empty() && !before.empty()) m.settings.join(before);
        }
    }
    // SQLite draws its own chance from the default disk: equal seeds, equal runs.
    if (nodes) registration_ = std::make_unique<disk_registration>(members_.front()->disk);
    for (std::size_t i = 0; started && i < nodes; ++i) restart(i);
}

cluster::~cluster() {
    for (auto& m : members_)
        if (m->run) world_.kill(*m->run);
    for (auto& m : members_) m->node.reset();
}

std::size_t cluster::twin(std::size_t i, image const& file, bool same_run) {
    auto& of = *members_.at(i);
    auto name = "n" + std::to_string(size());
    auto& m = *members_.emplace_back(std::make_unique<member>(world_, name, of.own));
    network_.attach(name);
    m.settings = of.settings;
    m.settings.name(name).listen(name + ":1");
    for (std::size_t k = 0; k + 1 < size(); ++k)
        if (k != i) m.settings.join("n" + std::to_string(k) + ":1");
    m.disk.load(file);
    if (same_run) m.chance_of = of.name, m.runs = of.runs - 1;
    return size() - 1;
}

void cluster::skip_runs(std::size_t i, std::uint64_t runs) { members_.at(i)->runs += runs; }
bool cluster::running(std::size_t i) const { return members_.at(i)->node != nullptr; }
bool cluster::held(std::size_t i) const { return running(i) && members_[i]->run->held(); }
dunlin::node& cluster::node(std::size_t i) {
    if (!running(i)) throw std::logic_error("the node does not run");
    return *members_[i]->node;
}
sim::disk& cluster::disk(std::size_t i) { return members_.at(i)->disk; }
node_clock& cluster::clock(std::size_t i) { return members_.at(i)->clock; }
std::vector<std::string> const& cluster::alarms(std::size_t i) const { return members_.at(i)->alarms; }

process& cluster::process_at(std::size_t i) const {
    if (!running(i)) throw std::logic_error("the node does not run");
    return *members_[i]->run;
}

bool cluster::restart(std::size_t i, nanoseconds limit) {
    auto& m = *members_.at(i);
    if (m.node) throw std::logic_error("the node runs already");
    auto& host = network_.attach(m.name);
    if (m.runs) network_.restart(m.name);
    m.run = &world_.make_process(m.name);
    auto whose = std::exchange(m.chance_of, {});
    m.chance = std::make_unique<generator>(world_.seed(), whose.empty() ? m.name : whose, ++m.runs);
    surroundings outside{{m.clock, *m.chance, host}, m.disk.vfs_name(), {}, {}, key_};
    outside.make_runner = [&m](any_io_executor e) {
        return make_inline_store_runner(std::move(e), m.clock, [&m] { return m.disk.take_time(); });
    };
    outside.identity = [&m](std::string const&) { return m.own; };
    m.node = std::make_unique<dunlin::node>(any_io_executor(m.run->get_executor()), m.settings, outside);
    m.node->on_alarm([&m](std::string const& text) { m.alarms.push_back(text); });
    auto ended = std::make_shared<std::optional<boost::system::error_code>>();
    m.node->start([ended](boost::system::error_code ec) { *ended = ec; });
    if (!world_.run_until([&] { return ended->has_value(); }, limit)) return false;
    if (**ended) throw boost::system::system_error(**ended, "start of " + m.name);
    return true;
}

void cluster::down(std::size_t i, death how, cut_style style) {
    auto& m = *members_.at(i);
    if (!m.node) throw std::logic_error("the node does not run");
    network_.crash(m.name, how);
    world_.kill(*m.run);
    // The handles die before the node does: what its end would write never happened.
    if (how == death::power)
        m.disk.lose_power(style);
    else
        m.disk.leave();
    m.node.reset();
    m.run = nullptr;
    (void)m.disk.take_time();
}

void cluster::stop(std::size_t i) {
    run(i, [](dunlin::node& n) -> awaitable<void> { co_await n.stop(); });
    down(i, death::process);
}

void cluster::partition(std::initializer_list<std::size_t> a, std::initializer_list<std::size_t> b,
                        std::initializer_list<std::size_t> c) {
    std::vector<std::vector<std::string>> groups;
    for (auto group : {a, b, c})
        if (group.size()) groups.push_back(names(group));
    network_.partition(groups);
}

std::vector<std::string> cluster::names(std::initializer_list<std::size_t> of) const {
    std::vector<std::string> all;
    for (auto i : of) all.push_back(members_.at(i)->name);
    return all;
}

std::string cluster::digest(std::size_t i) {
    return run(i, [](dunlin::node& n) -> awaitable<std::string> {
        std::string d = co_await n.digest();
        co_return d;
    });
}

std::map<std::string, std::uint64_t> cluster::vector(std::size_t i, std::string const& space) {
    std::map<std::string, std::uint64_t> all;
    auto& spaces = node(i).body()->spaces();
    auto it = spaces.find(space);
    if (it == spaces.end()) return all;
    auto& known = it->second->known();
    for (std::uint32_t slot = 0; slot < known.size(); ++slot)
        if (auto number = known[slot].number) all[view_of_writer(it->second->table().id(slot))] = number;
    return all;
}

bool cluster::converged() {
    std::optional<std::size_t> first;
    for (std::size_t i = 0; i < size(); ++i) {
        if (!running(i)) continue;
        if (!first)
            first = i;
        else if (vector(i) != vector(*first))
            return false;
    }
    if (!first) return true;
    try {
        auto const expected = digest(*first);
        for (auto i = *first + 1; i < size(); ++i)
            if (running(i) && digest(i) != expected) return false;
    } catch (boost::system::system_error const&) {
        return false; // a damaged row, a file that is being opened again: not until it has come back
    }
    return true;
}

bool cluster::settle(nanoseconds deadline) {
    auto const end = world_.now() + deadline;
    while (!converged()) {
        if (world_.now() >= end) return false;
        advance(std::chrono::milliseconds(100));
    }
    return true;
}

std::string cluster::describe() {
    std::string out = "seed " + std::to_string(seed()) + ", time " + std::to_string(world_.now().count() / 1000000) + " ms\n";
    for (std::size_t i = 0; i < size(); ++i) {
        out += members_[i]->name + ": ";
        if (!running(i)) {
            out += "down\n";
            continue;
        }
        for (auto& [w, number] : vector(i)) {
            decoder in(w);
            auto id = read_writer(in);
            std::size_t whose = 0;
            while (whose < size() && members_[whose]->own.node() != id.node) ++whose;
            out += "n" + std::to_string(whose) + "/" + std::to_string(id.run) + "=" + std::to_string(number) + " ";
        }
        try {
            out += digest(i).substr(0, 12);
        } catch (boost::system::system_error const& e) { out += e.what(); }
        out += std::string(node(i).body()->spaces().at("main")->synced() ? "" : " not synced");
        for (auto& a : members_[i]->alarms) out += "\n    " + a;
        out += "\n";
    }
    return out;
}

} // namespace dunlin::sim
