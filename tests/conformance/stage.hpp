// Stage: named replicas, and what they have sealed; where scenarios are acted out.
#pragma once
#include "replica.hpp"

namespace conformance {

class stage {
    std::map<std::string, std::unique_ptr<replica>, std::less<>> all_;
    std::vector<dunlin::series> log_;

public:
    bool synced = false;  // nothing was done since the last sync
    std::string actor;    // who did something last

    replica& at(std::string_view name) {
        auto it = all_.find(name);
        if (it == all_.end()) it = all_.emplace(std::string(name), std::make_unique<replica>(unsigned(all_.size()) + 1)).first;
        return *it->second;
    }
    template <class F> void in(std::string_view name, F change) {
        auto& r = at(name);
        if (auto e = r.turn([&] { change(r.get()); })) log_.push_back(*e);
        synced = false, actor = name;
    }
    void merge(std::string_view target, std::string_view source) {
        at(target).join(at(source));
        synced = false, actor = target;
    }
    dunlin::series const& said(std::size_t n) const { return log_.at(n); }

    /// Every entry to everyone, whatever the order; then all are equal, byte for byte.
    void sync() {
        at("A"), at("B"), at("C"); // somebody else, who only hears
        for (std::size_t round = 0; round < log_.size() + 1; ++round)
            for (auto& [name, r] : all_)
                for (auto& e : log_) (void)r->absorb(e);
        auto first = all_.begin()->second->save();
        for (auto& [name, r] : all_)
            if (!(r->save() == first)) throw differs("not the same on every replica");
        synced = true;
    }
    /// f of everyone whose value is meant: all after a sync, else who acted last. All the same, and that.
    template <class F> json::value value(F f) {
        if (!synced) return f(at(actor));
        auto first = f(*all_.begin()->second);
        for (auto& [name, r] : all_) same(f(*r), first, name);
        return first;
    }
};

/// Nothing: the steps are not in the notation, or the type has no such words.
std::optional<json::value> act_out(std::string_view type, json::array const& steps);

} // namespace conformance
