// Golden bytes: what two writers say and what comes of it, put into a golden file, read out of it, and made again.
//
//   golden::record all(file, {"sums", ...}, a, b, fresh, stranger);
//   all.said(history)          each entry, and each delta in it: taken apart and put together; fresh and stranger absorb it
//   all.came_of_it("end", ..)  each object's state, as a peer is given it, and its digest; all four have the same
//   all.rows("end")            the same states as they lie in the rows of a file
//
// The last two give what was read from the committed bytes, to look at.
#pragma once
#include "../golden/golden.hpp"
#include "lone_space.hpp"
#include <dunlin/lib/entry_delta.hpp>
#include <memory>

namespace golden {

using namespace dunlin;

struct named_series {
    std::string name, what;
    dunlin::series series;
};

inline void absorb(lone::space& s, series const& one) { ASSERT_TRUE(s.take(one)) << (s.alarms.empty() ? "" : s.alarms.back()); }

/// Taken apart and put together again: body and delta, down to the objects.
inline std::string body_again(bytes_view bytes, writer_id const& author) {
    entry_body read;
    EXPECT_TRUE(read.read(bytes));
    writers table;
    entry_builder b;
    b.begin(table.intern(author));
    for (auto& w : read.writers) b.index(table.intern(w), table);
    for (auto& d : read.dependencies) EXPECT_TRUE(b.depend(table.find(read.writers[d.writer - 1]), d.number, table));
    if (read.pred) b.follow(*read.pred);
    std::vector<bytes_view> types;
    EXPECT_TRUE(each_object_delta(read.delta, [&](object_delta const& one) {
        auto at = std::find(types.begin(), types.end(), one.type);
        if (at == types.end())
            b.delta().u(0), b.delta().bytes(one.type), types.push_back(one.type);
        else
            b.delta().u(std::uint64_t(at - types.begin()) + 1);
        b.delta().bytes(one.key), b.delta().bytes(one.delta);
        return true;
    }));
    encoder out;
    b.finish(read.stamp_step, out);
    return out.take();
}

inline series check_series(std::string const& bytes) {
    decoder in(bytes);
    series s;
    EXPECT_TRUE(s.read(in) && in.finished());
    series again = s;
    again.count = 0, again.bodies.clear();
    series_cursor c(s);
    while (c.next()) again.add(body_again(c.entry().body, s.writer));
    encoder out;
    again.write(out);
    EXPECT_EQ(hex(out.view()), hex(bytes));
    return s;
}

/// As the rows of a file name the writers of this history: by a number each.
inline writer_names row_names(writers& table) {
    return {[&](encoder& out, std::uint32_t slot) { out.u(table.id(slot).run); },
            [&](decoder& in) { return table.intern(lone::writer_of(std::uint8_t(in.u()))); }};
}

using read_object = std::shared_ptr<dunlin::object>;

/// An object read from its state; in no list of its space.
inline read_object read_state(lone::space& s, object_type& type, std::string const& bytes, writer_names const& names) {
    read_object o(object::make(*s.body, type, "k"), object::destroy);
    EXPECT_TRUE(decode_object(*o, bytes, names, s.body->self(), s.body->kinds())) << type.name;
    return o;
}
struct read_objects {
    std::map<std::string, read_object> all; // by type
    template <class T> T& get() { return *static_cast<T*>(all.at(public_name<T>())->value()); }
};

class record {
    golden::file& file_;
    std::vector<std::string> types_; // without "golden."
    lone::space &a_, &b_, &fresh_, &stranger_;

public:
    record(golden::file& file, std::vector<std::string> types, lone::space& a, lone::space& b, lone::space& fresh,
           lone::space& stranger)
        : file_(file), types_(std::move(types)), a_(a), b_(b), fresh_(fresh), stranger_(stranger) {}

    void said(std::vector<named_series> const& all) {
        for (auto& x : all) {
            encoder out;
            x.series.write(out);
            auto bytes = file_.bytes("entry_" + x.name, out.view(), x.what);
            auto read = check_series(bytes);
            absorb(fresh_, read), absorb(stranger_, read);
            series_cursor c(read);
            entry_body body;
            ASSERT_TRUE(c.next() && body.read(c.entry().body));
            each_object_delta(body.delta, [&](object_delta const& one) {
                if (!one.type.starts_with("golden.")) return true;
                std::string type(one.type.substr(7));
                file_.bytes("delta_" + x.name + "_" + type, one.delta, "what that says of " + type);
                return true;
            });
        }
    }
    read_objects came_of_it(std::string const& when, std::string const& what) {
        read_objects read;
        for (auto& type : types_) {
            auto name = "golden." + type;
            auto& o = in_a(name);
            auto bytes = file_.bytes("state_" + when + "_" + type, a_.state(o), "the state of " + type + " " + what);
            for (auto s : {&b_, &fresh_, &stranger_}) {
                auto there = s->find(name);
                EXPECT_EQ(hex(there ? s->state(*there) : std::string("\0\0", 2)), hex(bytes)) << type;
                auto again = read_state(*s, *s->body->find_type(name), bytes, full_names(s->body->table()));
                EXPECT_EQ(hex(s->state(*again)), hex(bytes)) << type;
                if (s == &fresh_) read.all[name] = again;
            }
            auto digest = digest_object(o, a_.body->table());
            file_.bytes("digest_" + when + "_" + type, view_of(digest), "its digest");
        }
        for (auto s : {&a_, &b_, &fresh_, &stranger_}) EXPECT_EQ(s->digest(), a_.digest());
        file_.bytes("digest_" + when, from_hex(a_.digest()), "the digest of the space");
        return read;
    }
    read_objects rows(std::string const& when) {
        read_objects read;
        for (auto& type : types_) {
            auto& o = in_a("golden." + type);
            auto made = encode_object(o, a_.body->table(), row_names(a_.body->table()));
            auto bytes = file_.bytes("row_" + when + "_" + type, made, "the state of " + type + " in a row of a file: writers by number");
            auto names = row_names(fresh_.body->table());
            auto again = read.all[o.type->name] = read_state(fresh_, *fresh_.body->find_type(o.type->name), bytes, names);
            EXPECT_EQ(hex(encode_object(*again, fresh_.body->table(), names)), hex(bytes)) << type;
        }
        return read;
    }
    /// An object that the library keeps for itself.
    void own(std::string const& name, std::string const& type, std::string const& key, std::string const& what) {
        auto& o = in_a(type, key);
        auto bytes = file_.bytes("state_" + name, a_.state(o), "the state of " + what);
        EXPECT_EQ(hex(fresh_.state(*read_state(fresh_, *fresh_.body->find_type(type), bytes, full_names(fresh_.body->table())))), hex(bytes));
    }

private:
    object& in_a(std::string const& type, std::string const& key = "k") {
        if (auto o = a_.find(type, key)) return *o;
        throw std::logic_error("nothing was said of " + type);
    }
};

} // namespace golden
