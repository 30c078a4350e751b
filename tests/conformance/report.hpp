// Report: what passed, failed and was skipped in one file of other people's results.
#pragma once
#include <boost/json/fwd.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace conformance {

/// What is not comparable, and why.
struct not_here : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// A result that differs, or a line that cannot be read.
struct differs : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class report {
    std::string name_;
    std::vector<std::string> failures_;
    std::map<std::string, unsigned> reasons_;

public:
    unsigned passed = 0, failed = 0, skipped = 0;

    explicit report(std::string name) : name_(std::move(name)) {}

    /// One case: passed if it throws nothing. `what` names it.
    template <class Case> void run(std::string const& what, Case one) {
        try {
            one();
            ++passed;
        } catch (not_here const& e) { skip(e.what()); } catch (std::exception const& e) {
            ++failed;
            auto why = std::string_view(e.what());
            failures_.push_back(what + ": " + std::string(why.substr(0, why.find('\n'))));
        }
    }
    void skip(std::string const& reason, unsigned n = 1) { skipped += n, reasons_[reason] += n; }

    void print() const {
        constexpr std::size_t shown = 20, letters = 600;
        for (std::size_t n = 0; n < failures_.size() && n < shown; ++n)
            std::printf("%s: %s\n", name_.c_str(), failures_[n].substr(0, letters).c_str());
        if (failures_.size() > shown) std::printf("%s: and %zu more\n", name_.c_str(), failures_.size() - shown);
        std::string why;
        for (auto& [reason, n] : reasons_)
            why += (why.empty() ? "" : "; ") + (skipped == n ? "" : std::to_string(n) + " ") + reason;
        std::printf("%s: %u passed, %u failed, %u skipped%s\n", name_.c_str(), passed, failed, skipped,
                    why.empty() ? "" : (" (" + why + ")").c_str());
    }
};

// One function a format; each adds its cases to the report of the file.
void histories(std::string const& lines, report& r);
void scenarios(boost::json::array const& all, report& r);
void noise_vectors(boost::json::array const& all, report& r);
void wycheproof(boost::json::object const& file, report& r);
void strings(std::vector<std::string> const& all, std::string const& what, report& r);
void hostile(std::string const& bytes, report& r);

} // namespace conformance
