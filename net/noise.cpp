#include "noise.hpp"
#include <algorithm>
#include <boost/assert.hpp>

namespace dunlin::noise {

namespace {

constexpr std::array<pattern, 4> patterns{{
    {"NN", false, false, {"e", "e ee", ""}},
    {"KK", true, true, {"e es ss", "e ee se", ""}},
    {"IK", false, true, {"e es s ss", "e ee se", ""}},
    {"XX", false, false, {"e", "e ee s es", "s se"}},
}};

constexpr std::uint64_t last_number = ~std::uint64_t(0); // Noise keeps it for rekeying

octets<12> nonce_of(std::uint64_t number) {
    octets<12> nonce{};
    for (std::size_t i = 4; i < 12; ++i, number >>= 8) nonce[i] = std::uint8_t(number);
    return nonce;
}

template <std::size_t N> struct chain_step {
    std::array<secret32, N> out;
    chain_step(secret32 const& chain, bytes_view input) {
        secret<N * 32> all;
        hkdf_sha256(chain.view(), input, {}, all.bytes());
        for (std::size_t i = 0; i < N; ++i) std::copy_n(all.bytes().begin() + i * 32, 32, out[i].bytes().begin());
    }
};

} // namespace

std::string pattern::full_name() const {
    auto modifier = psk < 0 ? std::string() : "psk" + std::to_string(psk);
    return "Noise_" + std::string(name) + modifier + "_25519_ChaChaPoly_SHA256";
}

std::optional<pattern> pattern_named(std::string_view name) {
    for (auto p : patterns) {
        if (!name.starts_with(p.name)) continue;
        name.remove_prefix(p.name.size());
        if (name.empty()) return p;
        if (name.size() != 4 || !name.starts_with("psk")) return {};
        p.psk = name[3] - '0';
        if (p.psk < 0 || p.psk > int(p.size())) return {};
        return p;
    }
    return {};
}

bool cipher_state::seal(bytes_view associated, std::span<char> buffer) {
    if (next_ == last_number) return false;
    dunlin::seal(key_, nonce_of(next_++), associated, buffer);
    return true;
}

bool cipher_state::open(bytes_view associated, std::span<char> buffer) {
    if (next_ == last_number || !dunlin::open(key_, nonce_of(next_), associated, buffer)) return false;
    ++next_;
    return true;
}

void cipher_state::rekey() {
    secret<32 + tag_size> zeros;
    std::span<char> buffer(reinterpret_cast<char*>(zeros.bytes().data()), zeros.bytes().size());
    dunlin::seal(key_, nonce_of(last_number), {}, buffer);
    std::copy_n(zeros.bytes().begin(), 32, key_.bytes().begin());
}

symmetric_state::symmetric_state(std::string_view full_name) {
    if (full_name.size() <= hash_.size())
        std::copy(full_name.begin(), full_name.end(), hash_.begin());
    else
        hash_ = sha256(full_name);
    chain_ = secret32(hash_);
}

void symmetric_state::mix_key(bytes_view input) {
    chain_step<2> next(chain_, input);
    chain_ = next.out[0];
    cipher_ = cipher_state(next.out[1]);
}

void symmetric_state::mix_key_and_hash(bytes_view input) {
    chain_step<3> next(chain_, input);
    chain_ = next.out[0];
    mix_hash(next.out[1].view());
    cipher_ = cipher_state(next.out[2]);
}

bool symmetric_state::encrypt_and_hash(bytes_view text, std::string& append_to) {
    auto from = append_to.size();
    append_to.append(text);
    append_to.resize(append_to.size() + overhead());
    std::span<char> sealed(append_to.data() + from, append_to.size() - from);
    if (cipher_.keyed() && !cipher_.seal(view_of(hash_), sealed)) return false;
    mix_hash({sealed.data(), sealed.size()});
    return true;
}

bool symmetric_state::decrypt_and_hash(bytes_view sealed, std::string& text) {
    text.assign(sealed);
    if (cipher_.keyed()) {
        if (!cipher_.open(view_of(hash_), text)) return text.clear(), false;
        text.resize(text.size() - tag_size);
    }
    mix_hash(sealed);
    return true;
}

std::pair<cipher_state, cipher_state> symmetric_state::split() const {
    chain_step<2> last(chain_, {});
    return {cipher_state(last.out[0]), cipher_state(last.out[1])};
}

handshake::handshake(pattern const& p, role r, bytes_view prologue, keys const& k)
    : pattern_(p), role_(r), keys_(k), symmetric_(p.full_name()) {
    symmetric_.mix_hash(prologue);
    bool caller = role_ == role::caller;
    auto known = [&](bool mine) {
        BOOST_VERIFY(mine ? keys_.own.has_value() : keys_.remote.has_value());
        symmetric_.mix_hash(view_of(mine ? keys_.own->public_key : *keys_.remote));
    };
    if (p.caller_known) known(caller);
    if (p.answerer_known) known(!caller);
}

bool handshake::kill() {
    dead_ = true;
    return false;
}

template <class Step> bool handshake::each_token(Step step) {
    if (pattern_.psk == 0 && done_ == 0 && !step("psk")) return false;
    for (auto left = pattern_.messages[done_]; !left.empty();) {
        auto end = std::min(left.find(' '), left.size());
        if (!step(left.substr(0, end))) return false;
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return pattern_.psk != int(done_) + 1 || step("psk");
}

bool handshake::write(bytes_view payload, std::string& append_to) {
    BOOST_VERIFY(dead_ || my_turn());
    if (dead_) return false;
    auto from = append_to.size();
    if (!each_token([&](std::string_view token) { return step_out(token, append_to); })) return kill();
    if (!symmetric_.encrypt_and_hash(payload, append_to)) return kill();
    if (append_to.size() - from > message_max_bytes) return kill();
    ++done_;
    return true;
}

bool handshake::read(bytes_view message, std::string& payload) {
    BOOST_VERIFY(dead_ || (!finished() && !my_turn()));
    payload.clear();
    if (dead_ || message.size() > message_max_bytes) return kill();
    if (!each_token([&](std::string_view token) { return step_in(token, message); })) return kill();
    if (!symmetric_.decrypt_and_hash(message, payload)) return kill();
    ++done_;
    return true;
}

bool handshake::step_out(std::string_view token, std::string& out) {
    if (token == "e") {
        auto mine = view_of(keys_.ephemeral.public_key);
        out.append(mine);
        symmetric_.mix_hash(mine);
        if (pattern_.psk >= 0) symmetric_.mix_key(mine);
        return true;
    }
    if (token != "s") return mix(token);
    BOOST_VERIFY(keys_.own.has_value());
    return symmetric_.encrypt_and_hash(view_of(keys_.own->public_key), out);
}

bool handshake::step_in(std::string_view token, bytes_view& message) {
    if (token != "e" && token != "s") return mix(token);
    std::size_t size = 32 + (token == "s" ? symmetric_.overhead() : 0);
    if (message.size() < size) return false;
    auto taken = message.substr(0, size);
    message.remove_prefix(size);
    octets<32> key;
    if (token == "e") {
        std::copy(taken.begin(), taken.end(), key.begin());
        symmetric_.mix_hash(taken);
        if (pattern_.psk >= 0) symmetric_.mix_key(taken);
        remote_ephemeral_ = key;
        return true;
    }
    std::string text;
    if (!symmetric_.decrypt_and_hash(taken, text)) return false;
    std::copy(text.begin(), text.end(), key.begin());
    keys_.remote = key;
    return true;
}

// "es" is between the caller's e and the answerer's s, whoever computes it.
bool handshake::mix(std::string_view token) {
    if (token == "psk") {
        BOOST_VERIFY(keys_.psk.has_value());
        symmetric_.mix_key_and_hash(keys_.psk->view());
        return true;
    }
    bool caller = role_ == role::caller;
    auto mine = token[caller ? 0 : 1], theirs = token[caller ? 1 : 0];
    auto const& other = theirs == 'e' ? remote_ephemeral_ : keys_.remote;
    BOOST_VERIFY(other.has_value() && (mine == 'e' || keys_.own.has_value()));
    auto shared = x25519(mine == 'e' ? keys_.ephemeral.secret_key : keys_.own->secret_key, *other);
    if (!shared) return false;
    symmetric_.mix_key(shared->view());
    return true;
}

ciphers handshake::split() const {
    BOOST_VERIFY(finished() && !dead_);
    auto [callers, answerers] = symmetric_.split();
    return role_ == role::caller ? ciphers{callers, answerers} : ciphers{answerers, callers};
}

} // namespace dunlin::noise
