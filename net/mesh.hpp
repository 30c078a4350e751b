// Mesh: the links of a node. It dials and accepts, keeps one link to each node it knows of, and carries what spaces
// say to each other.
//
//   space ── space_line::send ──▶ session, link ──▶ ... ──▶ link, session ── space_side::receive ──▶ space
//
// A word is encoded, sealed and written at once when its link is idle: one system call. A link with more than 256 KiB
// unsent is congested, and its spaces are told; above 4 MiB what they say is dropped, which pulling repairs. Spaces
// hear of a peer when it says that it has the space too. A link that has been silent for 30 s is asked, after 90 s
// closed; it comes back by itself, with a growing pause. Tools are links that are no peers: they ask and are answered.
//
// State   a link: its buffers and two tables of names; an address: 200 bytes.
// Threads all but space_line on the mesh's executor; a space may have another: what goes between them is posted.
//         Everything it starts has an owner: after stop() nothing of it runs; destroyed without, it ends at its next step.
// Errors  start() throws those of listening. The world's go to on_fault, which is for people: nothing depends on it.
#pragma once
#include "gate.hpp"
#include "link.hpp"
#include "message.hpp"
#include "peers.hpp"

namespace dunlin {

using peer_number = std::uint32_t;

/// What a space hears, on its own executor.
class space_side {
public:
    virtual ~space_side() = default;
    virtual void peer_up(peer_number p, node_id const& node) = 0;
    virtual void peer_down(peer_number p) = 0;
    virtual void receive(peer_number from, space_message&& said) = 0;
    virtual void congested(peer_number p, bool is) = 0;
    /// The link has nothing to send, as was asked by when_idle().
    virtual void idle(peer_number) {}
};

struct mesh_options {
    identity own;
    std::optional<cluster_key> key;
    std::string name;
    std::string listen; // empty: nobody can connect
    std::string announce; // told to others instead of where it listens
    std::vector<std::string> join;
    gate_limits strangers;
    peers_bounds peers;
    std::chrono::seconds ask_after{30}, close_after{90};
    std::size_t congested_bytes = 256 << 10, queue_bytes = 4 << 20;
    std::size_t tools = 8;
    std::size_t questions = 16; // of a tool at a time: one may cost a reading of the whole space

    explicit mesh_options(identity const& i) : own(i) {}
};

struct link_status {
    link_number number = 0;
    node_id node{};
    std::string name, address;
    bool dialled = false, tool = false, secure = false, congested = false;
    std::size_t unsent_bytes = 0;
    std::uint64_t messages_in = 0, messages_out = 0;
};

struct tool_question {
    link_number from = 0;
    std::uint64_t id = 0;
    std::string text;
};

/// What a space says, from its own executor. Outlives the mesh harmlessly.
class space_line {
    struct inside;
    std::unique_ptr<inside> in_;
    friend class mesh;
    explicit space_line(std::unique_ptr<inside> in);

public:
    ~space_line();
    void send(peer_number to, space_message&& said);
    /// Its side is told once, by idle(): what may wait is said then, and not before what is said at once.
    void when_idle(peer_number p);
};

class mesh {
    class inside;
    struct connection;
    struct entrance;
    friend class space_line;
    std::shared_ptr<inside> in_;

    static awaitable<void> stop(std::shared_ptr<inside> in);

public:
    mesh(seams const& world, any_io_executor executor, mesh_options options);
    /// Without stop() it is like a crash: links break off, nothing more is heard.
    ~mesh();
    /// Lives as long as anything of the mesh runs.
    void keep(std::shared_ptr<void const> what);
    mesh(mesh const&) = delete;
    mesh& operator=(mesh const&) = delete;

    /// Listens and begins to dial.
    void start();
    awaitable<void> stop();
    /// With the port that was taken; empty when it does not listen.
    std::string local_address() const;

    /// What it hears of the peers there are already comes after this has returned.
    std::unique_ptr<space_line> open_space(std::string name, any_io_executor executor,
                                           std::shared_ptr<space_side> side);
    void close_space(std::string const& name);

    void learn(known_peer const& p, peers::source from);
    void forget(node_id const& n);
    std::vector<known_peer> known() const;
    std::vector<link_status> links() const;

    void on_tool(std::function<void(tool_question)> heard);
    void answer(link_number to, std::uint64_t id, std::string json);
    /// A node is linked, with its name and addresses, or no longer is.
    void on_peer(std::function<void(known_peer const&, bool up)> heard);
    void
    on_fault(std::function<void(std::string const& address, boost::system::error_code, std::string const& text)> heard);
};

/// For tools: asks one question over a link of its own.
awaitable<std::string> ask(seams const& world, std::string address, identity own, std::optional<cluster_key> key,
                           std::string text);

} // namespace dunlin
