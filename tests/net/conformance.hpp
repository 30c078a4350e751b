// Conformance: data that others computed, read from a folder outside the project; a test without it is skipped by name.
#pragma once
#include <boost/json.hpp>
#include <cstdlib>
#include <dunlin/net/crypto.hpp>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <sstream>

namespace dunlin::conformance {

inline std::filesystem::path folder() {
    if (auto named = std::getenv("DUNLIN_CONFORMANCE")) return named;
    return std::filesystem::path(__FILE__).parent_path() / "../../../shared/conformance";
}

inline std::optional<boost::json::value> read(std::string const& name) {
    std::ifstream file(folder() / name);
    if (!file) return {};
    std::ostringstream text;
    text << file.rdbuf();
    return boost::json::parse(text.str());
}

inline std::string unhex(std::string_view hex) {
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out.push_back(char(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return out;
}

inline std::string hex(bytes_view bytes) {
    std::string out;
    for (unsigned char c : bytes) out += "0123456789abcdef"[c >> 4], out += "0123456789abcdef"[c & 15];
    return out;
}

inline std::string bytes_at(boost::json::object const& o, char const* key) {
    auto found = o.if_contains(key);
    if (!found) return {};
    return unhex(std::string_view(found->as_string()));
}

template <std::size_t N> octets<N> octets_of(bytes_view bytes) {
    octets<N> out{};
    if (bytes.size() != N) throw std::length_error("wrong size in a vector");
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

} // namespace dunlin::conformance

#define DUNLIN_READ_CONFORMANCE(variable, name)                                                                        \
    auto variable = ::dunlin::conformance::read(name);                                                                 \
    if (!variable) GTEST_SKIP() << name << " is not in " << ::dunlin::conformance::folder()
