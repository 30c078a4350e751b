// What a node answers to tools: its status, its schema, an object, as JSON.
#include "node_body.hpp"
#include "node_links.hpp"
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace dunlin {

std::string node_body::status() {
    boost::json::object out;
    out["node"] = to_hex(view_of(id_)), out["name"] = json_name(options_.name()), out["address"] = address();
    out["run"] = writer_.run, out["file"] = json_name(options_.data());
    auto& spaces = out["spaces"].emplace_object();
    for (auto& [name, s] : spaces_) {
        auto& one = spaces[name].emplace_object();
        if (s->executor() != executor_) continue; // only its own executor may look into it
        one["synced"] = s->synced(), one["objects_in_memory"] = s->resident(),
        one["bytes_in_memory"] = s->resident_bytes();
        auto& vector = one["vector"].emplace_object();
        for (std::uint32_t k = 0; k < s->known().size(); ++k)
            if (auto n = s->known()[k].number) {
                auto& w = s->table().id(k);
                vector[to_hex(view_of(w.node)).substr(0, 8) + "/" + std::to_string(w.run)] = n;
            }
    }
    auto& roster = out["roster"].emplace_array();
    auto& list = out["links"].emplace_array();
    if (!links_) return boost::json::serialize(out);
    for (auto& p : links_->roster()) {
        auto& one = roster.emplace_back(boost::json::object()).as_object();
        one["node"] = to_hex(view_of(p.node)), one["name"] = json_name(p.name),
        one["address"] = p.addresses.empty() ? std::string() : json_name(p.addresses.front());
        one["member"] = links_->is_member(p.node);
    }
    for (auto& l : links_->links()) {
        auto& one = list.emplace_back(boost::json::object()).as_object();
        one["node"] = to_hex(view_of(l.node)), one["name"] = json_name(l.name), one["address"] = l.address, one["secure"] = l.secure;
        one["tool"] = l.tool, one["unsent_bytes"] = l.unsent_bytes;
    }
    return boost::json::serialize(out);
}

/// Who asks waits for nothing once the node has gone.
void node_body::status_with_digests(std::function<void(std::string)> done) {
    auto main = spaces_.at("main");
    auto answer = [to = executor_, weak = weak_from_this(), done](auto ec, std::string d) {
        boost::asio::post(to, [weak, done, ec, d] {
            auto self = weak.lock();
            if (!self) return;
            auto text = self->status();
            text.insert(1, "\"digest\":\"" + (ec ? std::string() : d) + "\",");
            done(text);
        });
    };
    boost::asio::post(main->executor(), [main, answer] { main->digest(answer); });
}

void node_body::get(std::string const& type, std::string const& key, std::function<void(std::string)> done) {
    auto main = spaces_.at("main");
    auto reply = [to = executor_, weak = weak_from_this(), done](std::string text) {
        boost::asio::post(to, [weak, done, text] {
            if (auto self = weak.lock()) done(text);
        });
    };
    boost::asio::post(main->executor(), [main, type, key, reply] {
        auto t = main->find_type(type);
        if (!t) return reply("{\"error\":\"no object of this type is known here\"}");
        main->open(*t, key, [main, reply](boost::system::error_code ec, object* o) {
            if (ec) return reply("{\"error\":\"" + ec.message() + "\"}");
            reply(o->shows() ? object_json(*o) : "null");
            main->unpin(*o);
        });
    });
}

/// Of each space, from its own executor.
void node_body::schema(std::function<void(std::string)> done) {
    struct answer {
        boost::json::object all;
        std::size_t missing;
    };
    auto out = std::make_shared<answer>(answer{{}, spaces_.size()});
    for (auto& [name, s] : spaces_)
        boost::asio::post(s->executor(), [space = s, name = name, out, done, to = executor_, weak = weak_from_this()] {
            auto one = std::make_shared<boost::json::object>();
            space->schema_json(*one);
            boost::asio::post(to, [name, one, out, done, weak] {
                out->all[json_name(name)] = std::move(*one);
                if (--out->missing == 0 && weak.lock()) done(boost::json::serialize(out->all));
            });
        });
}

} // namespace dunlin
