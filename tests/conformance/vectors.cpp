// Vectors: Noise handshakes, and Wycheproof's files for what dunlin uses.
//
//   noise        each message in turn: output, payload, hash; then each message with a bit flipped: refused
//   wycheproof   by `algorithm`: XDH, CHACHA20-POLY1305, HMACSHA256, HKDF-SHA-256
//
// What dunlin has no function for is skipped by its name.
#include "report.hpp"
#include <boost/json.hpp>
#include <dunlin/net/noise.hpp>

namespace conformance {

namespace {
using namespace dunlin;
using boost::json::object;

std::string text_at(object const& o, std::string_view key) {
    auto found = o.if_contains(key);
    if (!found || !found->is_string()) throw differs("no text '" + std::string(key) + "'");
    return std::string(found->as_string());
}
int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    throw differs("not hexadecimal");
}
std::string unhex(std::string_view hex) {
    if (hex.size() % 2) throw differs("half a byte");
    std::string out;
    for (std::size_t i = 0; i < hex.size(); i += 2) out.push_back(char(digit(hex[i]) << 4 | digit(hex[i + 1])));
    return out;
}
std::string bytes_at(object const& o, std::string_view key) { return unhex(text_at(o, key)); }
template <std::size_t N> octets<N> octets_of(bytes_view bytes) {
    octets<N> out{};
    if (bytes.size() != N) throw differs(std::to_string(bytes.size()) + " bytes instead of " + std::to_string(N));
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}
void must(bool holds, std::string const& what) {
    if (!holds) throw differs(what);
}

// ---- Noise ----------------------------------------------------------------------------------------------------------

std::optional<key_pair> pair_at(object const& v, std::string const& name) {
    if (!v.contains(name)) return {};
    return make_key_pair(secret32(octets_of<32>(bytes_at(v, name))));
}

noise::handshake side_of(object const& v, noise::pattern const& p, noise::role r) {
    bool calls = r == noise::role::caller;
    std::string who = calls ? "init_" : "resp_";
    auto fresh = pair_at(v, who + "ephemeral");
    must(bool(fresh), "no ephemeral key");
    noise::keys k(*fresh);
    k.own = pair_at(v, who + "static");
    if (v.contains(who + "remote_static"))
        k.remote = octets_of<32>(bytes_at(v, who + "remote_static"));
    else if (auto other = pair_at(v, calls ? "resp_static" : "init_static"); other && (calls ? p.answerer_known : p.caller_known))
        k.remote = other->public_key;
    must(p.name == "NN" || k.own, "no static key");
    must(!(calls ? p.answerer_known : p.caller_known) || k.remote, "no static key of the other");
    if (p.psk >= 0) {
        auto psks = v.if_contains(who + "psks");
        must(psks && psks->is_array() && psks->as_array().size() == 1 && psks->as_array()[0].is_string(), "not one psk");
        k.psk = secret32(octets_of<32>(unhex(std::string_view(psks->as_array()[0].as_string()))));
    }
    return noise::handshake(p, r, v.contains(who + "prologue") ? bytes_at(v, who + "prologue") : "", k);
}

/// Message i is the caller's where i is even, in the handshake and after it. One bit of message `flipped` is turned: it
/// is refused, or, where nothing is sealed yet, what follows does not fit.
void replay(object const& v, noise::pattern const& p, std::size_t flipped = ~std::size_t(0)) {
    auto caller = side_of(v, p, noise::role::caller), answerer = side_of(v, p, noise::role::answerer);
    std::optional<noise::ciphers> callers, answerers;
    auto found = v.if_contains("messages");
    must(found && found->is_array(), "no messages");
    auto& messages = found->as_array();
    for (std::size_t i = 0; i < messages.size(); ++i) {
        must(messages[i].is_object(), "no message");
        auto at = "message " + std::to_string(i) + ": ";
        auto payload = bytes_at(messages[i].as_object(), "payload"), wanted = bytes_at(messages[i].as_object(), "ciphertext");
        bool even = i % 2 == 0;
        std::string sent, got;
        auto turn_a_bit = [&] {
            if (i == flipped && !sent.empty()) sent[sent.size() / 2] = char(sent[sent.size() / 2] ^ 4);
        };
        if (!callers) {
            auto &from = even ? caller : answerer, &to = even ? answerer : caller;
            must(from.write(payload, sent), at + "cannot be written");
            must(sent == wanted, at + "other bytes");
            turn_a_bit();
            must(to.read(sent, got), at + "refused");
            must(got == payload, at + "another payload");
            if (!from.finished()) continue;
            if (v.contains("handshake_hash")) must(view_of(caller.hash()) == bytes_at(v, "handshake_hash"), "another hash");
            must(caller.hash() == answerer.hash(), "two hashes");
            callers = caller.split(), answerers = answerer.split();
        } else {
            auto &from = even ? *callers : *answerers, &to = even ? *answerers : *callers;
            sent = payload + std::string(tag_size, '\0');
            must(from.send.seal({}, sent) && sent == wanted, at + "other bytes");
            turn_a_bit();
            must(to.receive.open({}, sent), at + "refused");
            must(sent.substr(0, payload.size()) == payload, at + "another payload");
        }
    }
    must(bool(callers), "it ends before its handshake");
}

void noise_vector(object const& v) {
    auto name = text_at(v, "protocol_name");
    auto part = [&](std::size_t n) {
        std::size_t from = 0;
        for (; n && from != name.npos; --n) from = name.find('_', from) == name.npos ? name.npos : name.find('_', from) + 1;
        return from == name.npos ? std::string() : name.substr(from, name.find('_', from) - from);
    };
    if (part(0) != "Noise") throw differs("no Noise protocol: " + name);
    if (part(2) != "25519" || part(3) != "ChaChaPoly" || part(4) != "SHA256")
        throw not_here(part(2) + " " + part(3) + " " + part(4) + ": dunlin has 25519, ChaChaPoly and SHA256 only");
    auto p = noise::pattern_named(part(1));
    if (!p) throw not_here("pattern " + part(1) + ": dunlin has NN, KK, IK and XX with at most one psk");
    must(p->full_name() == name, "another name: " + p->full_name());
    replay(v, *p);
    auto count = v.at("messages").as_array().size();
    for (std::size_t n = 0; n < count; ++n) {
        bool noticed = false;
        try {
            replay(v, *p, n);
        } catch (differs const&) { noticed = true; }
        must(noticed, "message " + std::to_string(n) + " with a bit flipped passes");
    }
}

// ---- Wycheproof -----------------------------------------------------------------------------------------------------

bool is_valid(object const& t) {
    auto result = text_at(t, "result");
    must(result == "valid" || result == "invalid" || result == "acceptable", "no such result: " + result);
    return result == "valid";
}

void agreement(object const& t) {
    auto wanted = octets_of<32>(bytes_at(t, "shared"));
    auto shared = x25519(secret32(octets_of<32>(bytes_at(t, "private"))), octets_of<32>(bytes_at(t, "public")));
    bool low_order = wanted == octets<32>{};
    must(low_order || shared || !is_valid(t), "refused");
    must(!low_order || !shared, "a point of low order is taken");
    must(text_at(t, "result") != "invalid" || !shared, "an invalid one is taken");
    must(!shared || shared->bytes() == wanted, "another secret");
}

void sealing(object const& t) {
    auto iv = bytes_at(t, "iv"), key = bytes_at(t, "key");
    if (iv.size() != 12 || key.size() != 32) return must(!is_valid(t), "a size that cannot be said here is valid");
    secret32 secret(octets_of<32>(key));
    auto nonce = octets_of<12>(iv);
    auto aad = bytes_at(t, "aad"), sealed = bytes_at(t, "ct") + bytes_at(t, "tag"), clear = bytes_at(t, "msg");
    auto buffer = sealed;
    bool good = open(secret, nonce, aad, buffer);
    must(good == is_valid(t), good ? "opened" : "refused");
    if (!good) return;
    must(buffer.substr(0, buffer.size() - tag_size) == clear, "another text");
    buffer = clear + std::string(tag_size, '\0');
    seal(secret, nonce, aad, buffer);
    must(buffer == sealed, "sealed otherwise");
}

void mac(object const& t) {
    auto tag = bytes_at(t, "tag");
    auto whole = hmac_sha256(bytes_at(t, "key"), bytes_at(t, "msg"));
    must((tag.size() <= 32 && !tag.empty() && view_of(whole).substr(0, tag.size()) == tag) == is_valid(t), "another tag");
}

void derivation(object const& t) {
    auto size = t.at("size").to_number<std::uint64_t>();
    if (size > 255u * 32) return must(!is_valid(t), "more than can be derived is valid");
    std::vector<std::uint8_t> out(size);
    hkdf_sha256(bytes_at(t, "salt"), bytes_at(t, "ikm"), bytes_at(t, "info"), out);
    must((std::string(out.begin(), out.end()) == bytes_at(t, "okm")) == is_valid(t), "other bytes");
}
} // namespace

void noise_vectors(boost::json::array const& all, report& r) {
    for (std::size_t n = 0; n < all.size(); ++n)
        r.run("vector " + std::to_string(n), [&] {
            if (!all[n].is_object()) throw differs("no vector");
            noise_vector(all[n].as_object());
        });
}

void wycheproof(object const& file, report& r) {
    auto algorithm = file.contains("algorithm") ? text_at(file, "algorithm") : "no algorithm";
    using test = void (*)(object const&);
    test one = algorithm == "XDH"                 ? agreement
               : algorithm == "CHACHA20-POLY1305" ? sealing
               : algorithm == "HMACSHA256"        ? mac
               : algorithm == "HKDF-SHA-256"      ? derivation
                                                  : test(nullptr);
    auto groups = file.at("testGroups").if_array();
    if (!groups) return r.run("file", [] { throw differs("no groups of tests"); });
    std::uint64_t seen = 0;
    for (auto& g : *groups) {
        auto tests = g.is_object() ? g.as_object().if_contains("tests") : nullptr;
        if (!tests || !tests->is_array()) {
            r.run("a group", [] { throw differs("no tests in it"); });
            continue;
        }
        auto curve = g.as_object().contains("curve") ? text_at(g.as_object(), "curve") : "curve25519";
        for (auto& t : tests->as_array()) {
            ++seen;
            auto o = t.if_object();
            r.run("test " + (o && o->contains("tcId") ? boost::json::serialize(o->at("tcId")) : "?"), [&] {
                if (!o) throw differs("no test");
                if (!one) throw not_here(algorithm + ": not used by dunlin");
                if (one == agreement && curve != "curve25519") throw not_here(curve + ": not used by dunlin");
                one(*o);
            });
        }
    }
    if (auto n = file.if_contains("numberOfTests"))
        if (!n->is_int64() || std::uint64_t(n->as_int64()) != seen)
            r.run("file", [&] { throw differs(std::to_string(seen) + " tests instead of " + boost::json::serialize(*n)); });
}

} // namespace conformance
