// The schema in a file, without its node: the schema object of each space as its row has it, and what the log says above it.
#include "../crdt/struct.hpp"
#include "cold.hpp"
#include "entry_delta.hpp"
#include "log_row.hpp"
#include "schema.hpp"
#include "space_body.hpp"
#include "store_file.hpp"
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

namespace dunlin {

namespace {
constexpr char const *schema_type = "dunlin.schema", *schema_object_key = "schema";

class schema_reader final : public store_sink {
    writers table_;
    shapes none_;
    std::map<std::uint32_t, std::string> spaces_;
    std::map<std::uint32_t, std::uint32_t> slots_; // of a writer's number in the file
    std::uint32_t type_ = 0;
    std::map<std::uint32_t, schema_object> schemas_; // by space

    static part const& fields() { return struct_of<schema_object>(); }
    static bool is_ours(std::string_view name) { return !name.starts_with(space_body::staging_prefix); }
    bool slots_of(std::span<std::uint32_t const> numbers, std::vector<std::uint32_t>& slots) {
        for (auto n : numbers) {
            auto it = slots_.find(n);
            if (it == slots_.end()) return false;
            slots.push_back(it->second);
        }
        return true;
    }
    /// What somebody has written wrongly is passed over.
    void join(std::uint32_t space, bytes_view delta, std::vector<std::uint32_t> const& slots, std::uint64_t number, std::uint64_t stamp) {
        decoder look(delta), in(delta);
        checking c{look, slots.size(), number, 0, &none_};
        fields().check(c);
        if (!look.finished()) return;
        absorbing a{in, slots, dot(slots[0], number), stamp, writers::none, &none_};
        fields().join_delta(&schemas_[space], a);
    }

public:
    void on_name(name_kind kind, std::uint32_t number, bytes_view bytes) override {
        if (kind == name_kind::space && is_ours(bytes)) spaces_.emplace(number, bytes);
        if (kind == name_kind::type && bytes == schema_type) type_ = number;
        if (kind != name_kind::writer) return;
        decoder in(bytes);
        auto w = read_writer(in);
        if (in.finished()) slots_.emplace(number, table_.intern(w));
    }
    void on_log_row(std::uint64_t, std::vector<log_run> const& runs, bytes_view bytes) override {
        each_series(runs, bytes, [&](std::uint32_t space, series const& s) {
            entry_body body;
            for (series_cursor c(s); spaces_.contains(space) && c.next();) {
                auto& e = c.entry();
                if (!body.read(e.body)) return;
                std::vector<std::uint32_t> slots{table_.intern(e.writer)};
                for (auto& w : body.writers) slots.push_back(table_.intern(w));
                each_object_delta(body.delta, [&](object_delta const& one) {
                    if (one.type == schema_type && one.key == schema_object_key) join(space, one.delta, slots, e.number, e.stamp);
                    return true;
                });
            }
        });
    }
    /// Of the rows of the schema objects, read last: an entry of the log that a row has says nothing new.
    bool row(std::uint32_t space, object_state const& row) {
        if (row.is == row_presence::damaged) return false;
        if (!row.state.empty()) {
            decoder in(row.state);
            std::vector<std::uint32_t> numbers, slots;
            for (auto n = in.count(); n && in.ok(); --n) numbers.push_back(std::uint32_t(in.u()));
            schema_object said;
            loading l{in, slots, writers::none, &none_};
            if (!slots_of(numbers, slots)) return false;
            l.slots = slots;
            fields().decode(&said, l);
            if (!in.finished()) return false;
            for (auto line : said.lines)
                if (!schemas_[space].lines.contains(line)) from_row_[space].emplace(line, said.lines.said_by(line));
        }
        return cold_deltas::read(row.deltas, [&](cold_deltas::record const& r) {
            std::vector<std::uint32_t> numbers{r.writer}, slots;
            numbers.insert(numbers.end(), r.writers.begin(), r.writers.end());
            if (!slots_of(numbers, slots)) return false;
            join(space, r.delta, slots, r.number, r.stamp);
            return true;
        });
    }
    std::string json(store_file& file) {
        boost::json::object out;
        for (auto& [number, name] : spaces_) {
            bool whole = !type_ || row(number, file.load(number, type_, object_hash(schema_type, schema_object_key), schema_object_key));
            auto all = kinds_of(schemas_[number].lines, table_);
            for (auto& [line, by] : from_row_[number]) {
                schema_line l;
                if (read_line(line, l)) all[{std::string(l.type), std::string(l.name)}].emplace(l.kind, by ? to_hex(view_of(table_.id(by.slot()).node)) : "");
            }
            auto& one = out[json_name(name)].emplace_object();
            kinds_json(all, one);
            if (!whole) one["$damaged"] = true;
        }
        return boost::json::serialize(out);
    }

private:
    std::map<std::uint32_t, std::map<std::string, dot>> from_row_;
};
} // namespace

std::string schema_of_file(std::string const& path) {
    if (!std::filesystem::is_regular_file(path)) throw boost::system::system_error(store_errc::not_a_database, path); // it would be made
    store_options o;
    o.path = path;
    store_file file;
    if (auto ec = file.open(o)) throw boost::system::system_error(ec, path);
    schema_reader all;
    store_summary summary;
    if (auto ec = file.scan(all, summary)) throw boost::system::system_error(ec, path);
    auto text = all.json(file);
    file.close();
    return text;
}

} // namespace dunlin
