#include "scenarios.hpp"
#include <iostream>

namespace crash {

void kill_at_random(std::filesystem::path const& folder, long rounds, std::size_t nodes, std::uint64_t seed) {
    std::filesystem::create_directory(folder);
    cluster c(folder, nodes);
    std::mt19937_64 chance(seed);
    for (std::size_t i = 0; i < nodes; ++i) c.start(i);
    for (long round = 1; round <= rounds; ++round) {
        ::poll(nullptr, 0, int(20 + chance() % 400));
        auto how = chance() % 10;
        std::size_t victims = how < 6 ? 1 : how < 9 ? std::min<std::size_t>(2, nodes) : nodes;
        std::vector<std::size_t> dead;
        for (auto first = chance() % nodes; dead.size() < victims; ++first) {
            c.kill(first % nodes);
            dead.push_back(first % nodes);
            if (chance() % 2) ::poll(nullptr, 0, int(chance() % 30));
        }
        for (auto i : dead) c.check_alone(i);
        for (auto i : dead) c.start(i);
        if (round % 8 == 0 || round == rounds) c.converge(), c.say("work");
        if (round % 50 == 0) std::cout << round << " rounds, " << c.kills << " kills, " << c.notes().confirmed() << " confirmed\n" << std::flush;
    }
    c.converge();
    auto& notes = c.notes();
    std::cout << "rounds: " << rounds << " rounds of " << nodes << " nodes, " << c.kills << " kills with SIGKILL, "
              << notes.attempted() << " changes attempted, " << notes.confirmed() << " confirmed as saved, 0 of them lost; "
              << c.looked << " files looked at alone, all sound" << std::endl;
}

} // namespace crash
