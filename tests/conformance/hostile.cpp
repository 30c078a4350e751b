// Hostile: bytes that are not dunlin's, offered to everything that reads bytes from outside. Nothing is taken, nothing
// is changed, nothing goes wrong.
//
//   a delta, a state, heads, an entry's body, a series, a frame of messages, the pieces of a space, a first frame (with
//   and without a key), a key, a database file (which is left as it is)
#include "../fuzz/memory_stream.hpp"
#include "replica.hpp"
#include <dunlin/lib/store_file.hpp>
#include <fstream>
#include <unistd.h>

namespace conformance {

namespace {
namespace fs = std::filesystem;
using namespace dunlin;

void as_values(bytes_view bytes) {
    auto& type = struct_of<subject>();
    decoder delta(bytes);
    checking c{delta, 3, 1000};
    type.check(c);
    if (delta.finished()) throw differs("taken for a delta");
    lone::space here(std::uint8_t(1));
    std::shared_ptr<object> o(object::make(*here.body, here.body->type_of(type, true), "k"), object::destroy);
    if (decode_object(*o, bytes, full_names(here.body->table()), here.body->self(), here.body->kinds()))
        throw differs("taken for a state");
    writers table;
    heads h(table);
    decoder in(bytes);
    if (h.read(in) && in.finished()) throw differs("taken for heads");
}

void as_words(bytes_view bytes) {
    decoder in(bytes), frame(bytes);
    series s;
    if (s.read(in) && in.finished()) throw differs("taken for a series");
    session said;
    message m;
    refusal why;
    if (said.read(frame, m, why)) throw differs("taken for a message");
    if (entry_body body; body.read(bytes) && !body.writers.empty()) throw differs("taken for an entry");
}

void as_state(std::string const& bytes) {
    lone::space here(std::uint8_t(1));
    here.get<subject>().number += 1;
    here.body->seal();
    auto before = here.digest() + here.heads();
    word::state_chunk c;
    c.token = 1, c.last = true, c.bytes = bytes;
    if (here.take_state({c})) throw differs("taken for a space");
    entry_body body;
    series next;
    next.writer = lone::writer_of(2), next.add(bytes);
    if (next.check(body) && here.take(next) && !body.delta.empty()) throw differs("taken for an entry");
    if (here.digest() + here.heads() != before) throw differs("it changed a space");
}

void as_first_frame(std::string const& bytes) {
    fuzz::still_clock clock;
    fuzz::same_chance random(1), for_key(9);
    link_options o(clock, random, identity::make(random));
    for (bool keyed : {false, true}) {
        std::string written;
        if (keyed) o.key = cluster_key::make(for_key);
        for (bool answers : {false, true}) {
            auto stream = std::make_unique<fuzz::memory_stream>(bytes, 4096, written);
            bool linked = false;
            auto failed = fuzz::finish(answers ? respond(std::move(stream), std::make_shared<link_options>(o)) : initiate(std::move(stream), o),
                                       [&](std::unique_ptr<dunlin::link> l) { linked = bool(l); });
            if (!failed || linked) throw differs("taken for a node");
            try {
                std::rethrow_exception(failed);
            } catch (boost::system::system_error const&) {}
        }
    }
    bool taken = true;
    try {
        (void)cluster_key::parse(bytes);
    } catch (boost::system::system_error const&) { taken = false; }
    if (taken) throw differs("taken for a key");
}

std::string contents(fs::path const& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void as_file(std::string const& bytes) {
    if (bytes.empty()) return; // an empty file is a new one
    auto folder = fs::temp_directory_path() / ("dunlin-conformance-" + std::to_string(::getpid()));
    fs::create_directories(folder);
    struct away {
        fs::path const& folder;
        ~away() {
            std::error_code error;
            fs::remove_all(folder, error);
        }
    } last{folder};
    auto path = folder / "hostile.db";
    std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    store_options o;
    o.path = path;
    store_file file;
    bool opened = !file.open(o);
    file.close();
    if (opened) throw differs("taken for a database");
    if (contents(path) != bytes) throw differs("a file that is not dunlin's was changed");
    if (std::distance(fs::directory_iterator(folder), {}) != 1) throw differs("a file beside one that is not dunlin's was made");
}
} // namespace

void hostile(std::string const& bytes, report& r) {
    r.run("the bytes", [&] { as_values(bytes), as_words(bytes), as_state(bytes), as_first_frame(bytes), as_file(bytes); });
}

} // namespace conformance
