// Frames of messages: what is read is written by a fresh session and read again as the same.
#include "driver.hpp"
#include <cstdlib>
#include <dunlin/net/message.hpp>

namespace {
std::vector<std::uint8_t> octets_of(dunlin::bytes_view b) { return {b.begin(), b.end()}; }
} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    dunlin::bytes_view bytes(reinterpret_cast<char const*>(data), size);
    dunlin::hello greeting;
    if (greeting.read(bytes)) {
        auto again = greeting.write();
        dunlin::hello twice;
        if (!twice.read(again)) std::abort();
    }
    dunlin::decoder frame(bytes);
    dunlin::session here, there, back;
    dunlin::message said;
    dunlin::refusal why;
    int n = 0;
    for (; n < 64 && here.read(frame, said, why); ++n) {
        dunlin::encoder out;
        there.write(said, out);
        dunlin::decoder in(out.view());
        dunlin::message again;
        dunlin::refusal none;
        if (!back.read(in, again, none)) std::abort();
        dunlin::encoder twice;
        dunlin::session fresh, last;
        fresh.write(again, twice);
        dunlin::encoder once;
        last.write(said, once);
        if (once.view() != twice.view()) std::abort();
    }
    return n == 0 || why ? -1 : 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_samples() {
    using namespace dunlin;
    std::vector<std::vector<std::uint8_t>> out;
    auto add = [&](auto&&... messages) {
        session s;
        encoder frame;
        (s.write(messages, frame), ...);
        out.push_back(octets_of(frame.view()));
    };
    writer_id one, two;
    one.run = 1, two.run = 2;
    id_vector const vector{{one, 7}, {two, 9}};
    entry_builder builder;
    builder.begin(0);
    builder.delta().bytes("a delta");
    encoder body;
    builder.finish(0, body);
    series entries;
    entries.writer = one;
    entries.first_stamp = 1000;
    entries.add(body.view());
    word::close close;
    close.text = "good night";
    word::peers peers;
    peers.list.push_back({{}, "barn", {"127.0.0.1:1"}});
    word::heads heads;
    heads.list.push_back({one, 7, 99});
    heads.durable = vector;
    word::pull pull;
    pull.have = vector;
    word::range range;
    range.basis = vector;
    range.list.push_back(entries);
    word::push push;
    push.series = entries;
    word::durable durable;
    durable.vector = vector;
    word::behind behind;
    behind.floor = vector;
    word::state_chunk chunk;
    chunk.bytes = chunk.next = "some bytes";
    auto in = [](space_message said) { return message(in_space{"main", std::move(said)}); };
    add(message(word::ping{}), message(word::pong{}), message(close), message(peers));
    add(in(word::digest{}), message(in_space{"other", space_message(word::busy{})}), in(word::same{}));
    add(in(heads), in(pull), in(durable), in(behind));
    add(in(range), in(push));
    add(in(word::state_pull{}), in(chunk));
    add(message(word::tool_request{1, "status"}), message(word::tool_answer{1, "{}"}));
    dunlin::hello greeting;
    greeting.name = "barn";
    out.push_back(octets_of(greeting.write()));
    return out;
}
