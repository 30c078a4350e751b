// Names of a file: spaces, types and writers as small numbers that stay the same as long as the file does.
//
//   number  1, 2, ... for each kind, in the order they were met; 0 is none. Never given again, not even when its row is
//   damaged.
//
// Bound  2^20 - 1 of each kind; intern answers 0 beyond. Threads: one at a time.
#pragma once
#include "store_rows.hpp"
#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>

namespace dunlin {

class store_names {
    struct kind_table {
        boost::unordered_flat_map<std::string, std::uint32_t> numbers;
        std::vector<std::string> names{1}; // by number; empty: unknown
    };
    std::array<kind_table, 3> kinds_;

    kind_table& of(name_kind kind) { return kinds_[std::size_t(kind) - 1]; }
    kind_table const& of(name_kind kind) const { return kinds_[std::size_t(kind) - 1]; }

public:
    static bool known_kind(name_kind kind) { return kind >= name_kind::space && kind <= name_kind::writer; }

    /// As read from the file.
    void add(name_kind kind, std::uint32_t number, bytes_view bytes) {
        reserve(kind, number);
        of(kind).names[number] = bytes;
        of(kind).numbers.emplace(bytes, number);
    }
    /// The number stays unused.
    void reserve(name_kind kind, std::uint32_t number) {
        if (of(kind).names.size() <= number) of(kind).names.resize(number + 1);
    }
    /// The number of the name, a new one if it has none: then `fresh`.
    std::uint32_t intern(name_kind kind, bytes_view bytes, bool& fresh) {
        fresh = false;
        auto number = find(kind, bytes);
        if (number || of(kind).names.size() > name_number_max) return number;
        fresh = true;
        number = std::uint32_t(of(kind).names.size());
        add(kind, number, bytes);
        return number;
    }
    std::uint32_t find(name_kind kind, bytes_view bytes) const {
        auto it = of(kind).numbers.find(std::string(bytes));
        return it == of(kind).numbers.end() ? 0 : it->second;
    }
    /// Empty: there is none, or its row is damaged.
    bytes_view name(name_kind kind, std::uint32_t number) const {
        return number < of(kind).names.size() ? bytes_view(of(kind).names[number]) : bytes_view();
    }
    std::uint32_t size(name_kind kind) const { return std::uint32_t(of(kind).names.size()); }
};

} // namespace dunlin
