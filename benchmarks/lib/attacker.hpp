// Attacker: a process of its own that does to addresses on loopback what strangers do: many at a time, from many
// hosts (127.0.0.2 and up, so that a bound for each host does not stop it), as fast as one core can.
//
//   slow        10,000 sockets open at a time, a byte a second on each; one that was closed is opened again a second later
//   handshakes  a new connection with the recorded first frame of a member, and another, and another
//   garbage     a new connection with 1 KiB of noise, and another, and another
//
// Forked before the program has threads; it ends when its parent does, or with this object.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

enum class attack : std::uint8_t { none, slow, handshakes, garbage, end };

class attacker {
    int orders_ = -1, answers_ = -1;
    int child_ = -1;

public:
    struct told {
        std::uint64_t connections = 0; // made since it began
        std::uint64_t open = 0;        // at the moment
    };
    attacker();
    ~attacker();
    attacker(attacker const&) = delete;
    /// Ports on 127.0.0.1, and what a member says first.
    void aim(std::vector<std::uint16_t> const& ports, std::string const& first_frame);
    /// From now on. The answer is of the attack before.
    told order(attack what);
};

} // namespace bench
