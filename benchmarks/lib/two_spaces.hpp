// Two spaces in one process, without files and links: what `from` tells its peer, as far as it is a Word, is kept, and given
// to `to` when a benchmark says so.
#pragma once
#include <boost/asio/io_context.hpp>
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/space_body.hpp>
#include <dunlin/net/system.hpp>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace bench {

template <class Word> struct two_spaces {
    boost::asio::io_context io;
    dunlin::machine_clock clock;
    dunlin::machine_chance chance;
    std::vector<Word> told;
    std::shared_ptr<dunlin::space_body> from, to;

    explicit two_spaces(std::size_t log_bytes = dunlin::space_setup().log_bytes) {
        from = make(1, log_bytes, [this](dunlin::space_message&& said) {
            if (auto word = std::get_if<Word>(&said)) told.push_back(std::move(*word));
        });
        to = make(2, log_bytes, [](dunlin::space_message&&) {});
        from->peer_up(1, node(2), false), to->peer_up(1, node(1), false);
    }
    two_spaces(two_spaces const&) = delete;
    ~two_spaces() { from->stop(), to->stop(), io.run(); }

    template <class T> static dunlin::ref<T> object(std::shared_ptr<dunlin::space_body> const& of, std::string const& key) {
        return {of, of->local(of->type_of(dunlin::struct_of<T>()), key)};
    }
    /// A copy: it can be given again.
    void give(Word const& word) { to->receive(1, dunlin::space_message(word)); }

private:
    static dunlin::node_id node(std::uint8_t n) {
        dunlin::node_id id{};
        id[0] = n;
        return id;
    }
    std::shared_ptr<dunlin::space_body> make(std::uint8_t n, std::size_t log_bytes, std::function<void(dunlin::space_message&&)> send) {
        dunlin::space_setup s;
        s.name = "main", s.executor = io.get_executor(), s.clock = &clock, s.chance = &chance, s.node = node(n);
        s.log_bytes = log_bytes;
        s.send = [send = std::move(send)](dunlin::peer_number, dunlin::space_message&& said) { send(std::move(said)); };
        auto made = std::make_shared<dunlin::space_body>(std::move(s));
        made->own({node(n), 1, 7});
        return made;
    }
};

} // namespace bench
