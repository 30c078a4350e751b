#include "cluster.hpp"
#include <dunlin/lib/store_file.hpp>
#include <dunlin/net/key.hpp>
#include <dunlin/net/system.hpp>
#include <iostream>

namespace crash {

scratch::scratch() {
    auto name = (std::filesystem::temp_directory_path() / "dunlin-crash-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw failure("no temporary folder can be made");
    path = name;
}

scratch::~scratch() {
    std::error_code ignored;
    if (kept)
        std::cerr << "what the nodes wrote is in " << path << "\n";
    else
        std::filesystem::remove_all(path, ignored);
}

cluster::cluster(std::filesystem::path folder, std::size_t nodes)
    : folder_(std::move(folder)), program_(std::filesystem::read_symlink("/proc/self/exe")), members_(nodes) {
    dunlin::machine_chance chance;
    auto text = dunlin::cluster_key::make(chance).text() + "\n";
    int key = ::open((folder_ / "cluster.key").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = key >= 0 && ::write(key, text.data(), text.size()) == ssize_t(text.size());
    if (key >= 0) ::close(key);
    if (!written) throw failure("cannot write the key of the cluster");
    for (std::size_t i = 0; i < nodes; ++i) {
        members_[i].name = std::string(1, char('a' + i));
        notes_.add(file(i, ".ledger"));
    }
}

void cluster::start(std::size_t i, environment const& more) {
    auto& m = members_[i];
    std::string join;
    for (auto& other : members_)
        if (&other != &m && other.process && other.process->runs()) join += (join.empty() ? "" : ",") + other.address;
    command c;
    c.words = {program_, "node", m.name, std::to_string(++m.runs), folder_};
    if (!join.empty()) c.words.push_back(join);
    c.environment = {{"DUNLIN_KEY_FILE", folder_ / "cluster.key"}, {"DUNLIN_MEMORY", "131072"}, {"DUNLIN_LOG_BUDGET", "262144"}};
    if (!m.listen.empty()) c.environment.emplace_back("DUNLIN_LISTEN", m.listen);
    c.environment.insert(c.environment.end(), more.begin(), more.end());
    c.log = file(i, ".log"), c.network = m.network;
    m.process = std::make_unique<child>(c);
    auto line = m.process->line(patience);
    if (!line || !line->starts_with("listening ")) throw failure(m.name + " does not start: " + said(i));
    m.address = line->substr(10);
}

void cluster::kill(std::size_t i) {
    ++kills;
    members_[i].process->kill();
}

void cluster::quit(std::size_t i) {
    members_[i].process->say("quit");
    if (!members_[i].process->wait_end(patience)) throw failure(members_[i].name + " does not end");
}

void cluster::say(std::string const& line) {
    for (auto& m : members_)
        if (m.process) m.process->say(line);
}

holding cluster::report(std::size_t i, milliseconds limit) {
    auto& m = members_[i];
    m.process->say("report");
    auto line = m.process->line(limit);
    if (!line) throw failure(m.name + " does not answer: " + said(i));
    if (line->starts_with("error ")) throw failure(m.name + ": " + *line);
    return from_json(*line);
}

void cluster::check_alone(std::size_t i) {
    ++looked;
    auto copy = folder_ / "alone";
    std::filesystem::remove_all(copy);
    std::filesystem::create_directory(copy);
    for (auto ending : {".db", ".db-wal", ".db.identity"})
        if (std::filesystem::exists(file(i, ending))) std::filesystem::copy(file(i, ending), copy / (std::string("n") + ending));
    auto data = (copy / "n.db").string();
    auto const& noted = notes();
    auto own = members_[i].name + "/";
    auto mine = [&](std::string const& run) { return run.starts_with(own); };
    auto found = look_alone(data);
    if (auto wrong = judge(found, noted, mine); !wrong.empty()) throw failure(members_[i].name + ", alone: " + wrong);
    dunlin::store_options o;
    o.path = data;
    dunlin::store_file whole;
    if (auto error = whole.open(o)) throw failure(members_[i].name + ": " + error.message());
    if (auto wrong = whole.integrity_check(); wrong != "ok") throw failure(members_[i].name + ": " + wrong);
}

holding cluster::converge(milliseconds limit) {
    say("rest");
    holding first;
    until("all nodes hold the same", [&] {
        std::optional<holding> all;
        for (std::size_t i = 0; i < size(); ++i) {
            if (!runs(i)) continue;
            auto one = report(i);
            if (all && !(*all == one)) return false;
            all = std::move(one);
        }
        if (!all) throw failure("no node runs");
        first = std::move(*all);
        // Nothing is under way any more: all that was attempted by the present runs is there.
        auto const& noted = notes();
        for (auto& m : members_) {
            auto run = m.name + "/" + std::to_string(m.runs);
            auto r = noted.runs.find(run);
            if (m.process && m.process->runs() && r != noted.runs.end() && first.made[run] != r->second.attempted) return false;
        }
        return true;
    }, limit);
    if (auto wrong = judge(first, notes(), [](auto&) { return true; }); !wrong.empty()) throw failure("all: " + wrong);
    return first;
}

std::string cluster::said(std::size_t i) const {
    std::ifstream in(file(i, ".log"));
    return {std::istreambuf_iterator<char>(in), {}};
}

long cluster::confirmed(std::size_t i) {
    long all = 0;
    for (auto& [run, r] : notes().runs)
        if (run.starts_with(members_[i].name + "/")) all += r.confirmed;
    return all;
}

} // namespace crash
