// Lone space: a space in memory under a given writer and a standing clock, without a node; entries and states come and
// go by hand, through the shipped words. What it makes is the same in every run.
//
//   seal()          the turn's entry, as a series of one, out of the log
//   take(series)    as a push from a peer: machine, check, join
//   take_state(of)  state_pull and state_chunk to and fro, until the other's state is staged and joined
//   pieces()        the other's state as it is given
//
// Errors  std::logic_error where the shipped code does not do what its words say.
#pragma once
#include <boost/asio/io_context.hpp>
#include <dunlin/crdt/object.hpp>
#include <dunlin/lib/schema.hpp>
#include <dunlin/lib/space_body.hpp>

namespace lone {

using namespace dunlin;

class still_clock final : public dunlin::clock {
    struct bell final : timer {
        void expires_after(std::chrono::nanoseconds, std::function<void()>) override {}
        void cancel() override {}
    };

public:
    std::chrono::milliseconds wall{1'700'000'000'000};
    std::chrono::nanoseconds steady_now() const override { return std::chrono::hours(1); }
    std::chrono::milliseconds wall_now() const override { return wall; }
    std::unique_ptr<timer> make_timer(any_io_executor) override { return std::make_unique<bell>(); }
};
class same_chance final : public chance {
public:
    void fill(std::span<std::uint8_t> bytes) override { std::fill(bytes.begin(), bytes.end(), std::uint8_t(7)); }
};

inline writer_id writer_of(std::uint8_t n) {
    writer_id w;
    w.node.fill(n), w.run = n, w.nonce = 0x01020300u + n;
    return w;
}

struct space {
    boost::asio::io_context io;
    still_clock clock;
    same_chance chance;
    std::vector<space_message> sent;
    std::vector<std::string> alarms;
    std::shared_ptr<space_body> body;
    writer_id writer;
    bool has_peer = false;

    explicit space(std::uint8_t n) : space(writer_of(n)) {}
    explicit space(writer_id const& w) : writer(w) {
        space_setup s;
        s.name = "main", s.executor = io.get_executor(), s.clock = &clock, s.chance = &chance;
        s.node = w.node;
        s.send = [this](peer_number, space_message&& m) { sent.push_back(std::move(m)); };
        s.alarm = [this](std::string const& text) { alarms.push_back(text); };
        body = std::make_shared<space_body>(std::move(s));
        body->own(w);
    }
    ~space() { body->stop(); }
    space(space const&) = delete;

    void poll() { io.restart(), io.poll(); }

    template <class T> object& of(std::string const& key = "k") {
        return *body->local(body->type_of(struct_of<T>(), true), key);
    }
    template <class T> T& get(std::string const& key = "k") { return *static_cast<T*>(of<T>(key).value()); }
    template <class T> void erase(std::string const& key = "k") { body->erase(of<T>(key)); }
    object* find(std::string const& type, std::string const& key = "k") {
        auto t = body->find_type(type);
        return t ? body->find(*t, key) : nullptr;
    }

    /// The turn's entry, which has one.
    series seal() {
        body->seal();
        auto& e = body->log().at(body->log().next_position() - 1);
        series s;
        s.writer = body->table().id(e.at.slot()), s.first = e.at.number(), s.first_stamp = e.stamp, s.prior = e.prior;
        s.add(e.body);
        return s;
    }
    std::uint64_t number_of(writer_id const& w) const { return body->known().of(w).number; }

    /// From a peer that is nobody's own node. False: not applied whole.
    bool take(series const& s) {
        meet();
        body->receive(peer, word::push{s});
        return number_of(s.writer) >= s.last();
    }

    /// The whole space as a peer is given it, a chunk after the other.
    std::vector<word::state_chunk> chunks() {
        std::vector<word::state_chunk> all;
        for (word::state_pull next; all.empty() || !all.back().last;) {
            all.push_back(chunk(next));
            next.token = all.back().token, next.cursor = all.back().next;
        }
        return all;
    }
    std::vector<std::string> pieces() {
        std::vector<std::string> all;
        for (auto& c : chunks()) all.push_back(std::move(c.bytes));
        return all;
    }
    /// False where one was refused: nothing is joined then.
    bool take_state(std::vector<word::state_chunk> const& given) {
        if (!begin_transfer()) throw std::logic_error("no state is asked for");
        for (auto& c : given)
            if (!give(c) && !c.last) return false;
        return joined();
    }
    bool take_state(space& from) { return take_state(from.chunks()); }
    /// The machine asks for a state now: the next chunks are its answer.
    bool begin_transfer() {
        meet();
        asked_ += std::chrono::minutes(1);
        finished_.reset();
        actions out;
        body->machine().want_state();
        body->machine().tick(std::chrono::hours(1) + asked_, chance, out);
        for (auto& a : out)
            if (auto s = std::get_if<event::send>(&a))
                if (auto p = std::get_if<word::state_pull>(&s->said)) return begun_ = p->cursor, true;
        return false;
    }
    /// One chunk of it. The next question, if there is one: not after the last, nor after a piece that was refused.
    std::optional<word::state_pull> give(word::state_chunk c) {
        bool last = c.last;
        if (c.cursor.empty()) c.cursor = begun_; // the answer to the beginning
        sent.clear();
        body->receive(peer, std::move(c));
        poll();
        for (auto& m : sent)
            if (auto p = std::get_if<word::state_pull>(&m)) return *p;
        if (last) // a joined state is told of at once
            finished_ = std::any_of(sent.begin(), sent.end(), [](auto& m) { return std::holds_alternative<word::heads>(m); });
        return {};
    }
    /// The peer goes, and with it what it had begun.
    void part() {
        if (std::exchange(has_peer, false)) body->peer_down(peer);
    }
    bool joined() const { return finished_ && *finished_; }

    std::string digest() {
        std::string all;
        body->digest([&](auto ec, std::string d) { all = ec ? ec.message() : d; });
        return all;
    }
    std::string state(object const& o) { return encode_object(o, body->table(), full_names(body->table())); }
    std::string heads() {
        encoder out;
        body->known().write(out);
        return out.take();
    }

private:
    static constexpr peer_number peer = 1;
    std::chrono::nanoseconds asked_{};
    std::string begun_; // the cursor of the transfer
    std::optional<bool> finished_;

    void meet() {
        if (std::exchange(has_peer, true)) return;
        body->peer_up(peer, writer_of(99).node, true);
    }
    word::state_chunk chunk(word::state_pull const& next) {
        meet();
        sent.clear();
        body->receive(peer, next);
        poll();
        for (auto& m : sent)
            if (auto c = std::get_if<word::state_chunk>(&m)) return std::move(*c);
        throw std::logic_error("no chunk");
    }
};

} // namespace lone
