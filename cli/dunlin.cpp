// The program `dunlin`: makes keys, and asks running nodes. It is no member: it reads and changes nothing.
//
// Exit status: 0 done; 1 the world said no (nobody answers, another key, no such object); 2 wrong arguments.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <dunlin/crdt/codec.hpp>
#include <dunlin/lib/schema.hpp>
#include <dunlin/net/key.hpp>
#include <dunlin/net/mesh.hpp>
#include <dunlin/net/system.hpp>
#include <dunlin/net/tcp.hpp>
#include <filesystem>
#include <iostream>

namespace {

constexpr char usage[] = R"(dunlin key new                       a new cluster key, one line
dunlin status ADDRESS                roster, links, vectors, digest and bytes of a running node
dunlin schema ADDRESS or FILE        types and fields of each space, their kinds, and which node said so
dunlin get ADDRESS TYPE KEY          an object as that node sees it
dunlin help                          this text

ADDRESS is host:port of any node, FILE that of a node that does not run. Answers are JSON, one line.
The cluster's key is read from the file that --key-file FILE or DUNLIN_KEY_FILE names, never from an argument;
without one, only nodes on loopback that have no key answer. To make one that nobody else can read:
    (umask 077 && dunlin key new > cluster.key)
)";

struct wrong_arguments {
    std::string what;
};

/// Takes --key-file FILE out of the arguments; else the environment's.
std::string key_file(std::vector<std::string>& words) {
    for (std::size_t k = 0; k < words.size(); ++k) {
        if (words[k] != "--key-file") continue;
        if (k + 1 == words.size()) throw wrong_arguments{"--key-file needs a file"};
        auto file = words[k + 1];
        words.erase(words.begin() + std::ptrdiff_t(k), words.begin() + std::ptrdiff_t(k) + 2);
        return file;
    }
    auto from_env = std::getenv("DUNLIN_KEY_FILE");
    return from_env ? from_env : "";
}

/// The node's answer; gives up after a while, since a node that hangs does not say so.
std::string ask_node(std::string const& address, std::string const& file, std::string const& question) {
    boost::asio::io_context io;
    dunlin::machine_clock clock;
    dunlin::machine_chance chance;
    dunlin::tcp_transport transport;
    dunlin::seams world{clock, chance, transport};
    std::optional<dunlin::cluster_key> key;
    if (!file.empty()) key = dunlin::cluster_key::read_file(file);
    std::string answer;
    std::exception_ptr failed = std::make_exception_ptr(
        boost::system::system_error(make_error_code(dunlin::net_error::timed_out), address));
    auto identity = dunlin::identity::make(chance);
    boost::asio::co_spawn(io, dunlin::ask(world, address, identity, key, question),
                          [&](std::exception_ptr e, std::string text) { failed = e, answer = std::move(text); });
    io.run_for(std::chrono::seconds(30));
    if (failed) std::rethrow_exception(failed);
    return answer;
}

int print(std::string const& answer) {
    auto json = boost::json::parse(answer);
    if (auto o = json.if_object(); o && o->size() == 1 && o->contains("error")) {
        auto text = o->at("error").if_string();
        std::cerr << "dunlin: " << (text ? std::string_view(*text) : std::string_view(answer)) << "\n";
        return 1;
    }
    std::cout << answer << std::endl;
    return 0;
}

int run(std::vector<std::string> words) {
    auto file = key_file(words);
    auto is = [&](std::size_t k, char const* word) { return k < words.size() && words[k] == word; };
    if (words.empty()) throw wrong_arguments{"what shall be done?"};
    if (is(0, "help") || is(0, "--help") || is(0, "-h")) return std::cout << usage, 0;
    if (is(0, "key") && is(1, "new") && words.size() == 2) {
        dunlin::machine_chance chance;
        std::cout << dunlin::cluster_key::make(chance).text() << std::endl;
        return std::cout ? 0 : 1;
    }
    if (is(0, "status") && words.size() == 2) return print(ask_node(words[1], file, "status"));
    if (is(0, "schema") && words.size() == 2)
        return print(std::filesystem::exists(words[1]) ? dunlin::schema_of_file(words[1]) : ask_node(words[1], file, "schema"));
    if (is(0, "get") && words.size() == 4) {
        dunlin::encoder question;
        question.bytes("get"), question.bytes(words[2]), question.bytes(words[3]);
        auto answer = ask_node(words[1], file, question.take());
        if (answer == "null") {
            std::cerr << "dunlin: nothing is live in " << words[2] << " '" << words[3] << "'\n";
            return 1;
        }
        return print(answer);
    }
    throw wrong_arguments{"not understood: " + words[0]};
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(std::vector<std::string>(argv + 1, argv + argc));
    } catch (wrong_arguments const& e) {
        std::cerr << "dunlin: " << e.what << "\n\n" << usage;
        return 2;
    } catch (std::exception const& e) {
        std::string text = e.what();
        std::cerr << "dunlin: " << text.substr(0, text.find(" [")) << "\n"; // without the place in the source
        return 1;
    }
}
