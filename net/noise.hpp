// Noise: the handshake that makes two strangers with one cluster key a link, and the ciphers that come out of it.
//
//   XXpsk3    ->  e                 who calls shows a fresh key
//             <-  e, ee, s, es      who answers shows its own, and, already encrypted, who it is
//             ->  s, se, psk        who called says who it is, and both mix in what only the cluster knows
//
// A pattern is the row above as text; each token is one step of the machine, so the code has no case for a pattern.
// Pure values: no chance, no clock, no I/O; the ephemeral key comes with the other keys. Keys go wiped.
//
// State   handshake about 600 bytes, cipher 48. Threads: as any value.
// Errors  false from read() or write(): forged, damaged, truncated or weak. The handshake is then dead; close.
// Source  The Noise Protocol Framework, revision 34 (noiseprotocol.org), sections 5, 7, 9, 11.3; 25519, ChaChaPoly,
//         SHA256. Not here: BLAKE2b as Noise's hash, patterns of four messages, two psk in one pattern.
#pragma once
#include "crypto.hpp"

namespace dunlin::noise {

constexpr std::size_t message_max_bytes = 65535;

struct pattern {
    std::string_view name;
    bool caller_known = false, answerer_known = false; // a static key that the other has before the first message
    std::array<std::string_view, 3> messages;          // tokens; the caller sends the first and the third
    int psk = -1;                                      // place of the psk token: 0 first of all, n end of message n

    std::size_t size() const { return messages[2].empty() ? 2 : 3; }
    /// "Noise_XXpsk3_25519_ChaChaPoly_SHA256"
    std::string full_name() const;
};
/// "XX", "KKpsk2": patterns NN, KK, IK and XX, with at most one psk.
std::optional<pattern> pattern_named(std::string_view name);

enum class role { caller, answerer };

/// A key and the number of the message to come. Numbers are never sent and never repeat.
class cipher_state {
    secret32 key_;
    std::uint64_t next_ = 0;
    bool keyed_ = false;

public:
    cipher_state() = default;
    explicit cipher_state(secret32 const& key) : key_(key), keyed_(true) {}

    bool keyed() const { return keyed_; }
    std::uint64_t next_number() const { return next_; }
    /// In place; the last tag_size bytes of `buffer` are room for the tag. False: numbers are used up.
    [[nodiscard]] bool seal(bytes_view associated, std::span<char> buffer);
    /// False: not what the other side sealed next; nothing has changed then but the buffer.
    [[nodiscard]] bool open(bytes_view associated, std::span<char> buffer);
    /// A new key from the old one, which cannot be told from it. Numbers go on.
    void rekey();
};

/// Everything said so far, as a hash and a chain of keys.
class symmetric_state {
    cipher_state cipher_;
    secret32 chain_;
    octets<32> hash_{};

public:
    explicit symmetric_state(std::string_view full_name);
    void mix_hash(bytes_view bytes) { hash_ = sha256(view_of(hash_), bytes); }
    void mix_key(bytes_view input);
    void mix_key_and_hash(bytes_view input);
    [[nodiscard]] bool encrypt_and_hash(bytes_view text, std::string& append_to);
    [[nodiscard]] bool decrypt_and_hash(bytes_view sealed, std::string& text);
    std::size_t overhead() const { return cipher_.keyed() ? tag_size : 0; }
    octets<32> const& hash() const { return hash_; }
    /// For the caller's messages, and for the answerer's.
    std::pair<cipher_state, cipher_state> split() const;
};

struct keys {
    key_pair ephemeral;               // fresh, for this handshake alone
    std::optional<key_pair> own;      // static
    std::optional<octets<32>> remote; // static, where the pattern has it known before
    std::optional<secret32> psk;

    explicit keys(key_pair const& fresh) : ephemeral(fresh) {}
};

struct ciphers {
    cipher_state send, receive;
};

class handshake {
    pattern pattern_;
    role role_;
    keys keys_;
    symmetric_state symmetric_;
    std::optional<octets<32>> remote_ephemeral_;
    std::size_t done_ = 0; // messages
    bool dead_ = false;

public:
    /// Keys that the pattern needs and does not get are a programmer's error.
    handshake(pattern const& p, role r, bytes_view prologue, keys const& k);

    bool finished() const { return done_ == pattern_.size(); }
    bool my_turn() const { return !finished() && (done_ % 2 == 0) == (role_ == role::caller); }
    /// The next message, appended.
    [[nodiscard]] bool write(bytes_view payload, std::string& append_to);
    /// The next message of the other side; its payload replaces `payload`.
    [[nodiscard]] bool read(bytes_view message, std::string& payload);

    /// The other's static key; nothing before the message that brings it.
    std::optional<octets<32>> const& remote_key() const { return keys_.remote; }
    /// Of all that was said: the same on both sides, different in every run.
    octets<32> const& hash() const { return symmetric_.hash(); }
    /// Once finished.
    ciphers split() const;

private:
    bool step_out(std::string_view token, std::string& out);
    bool step_in(std::string_view token, bytes_view& message);
    bool mix(std::string_view token);
    bool kill();
    template <class Step> bool each_token(Step step);
};

} // namespace dunlin::noise
