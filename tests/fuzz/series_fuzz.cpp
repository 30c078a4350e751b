// Series of entries, as they lie in the log and travel: what is read is written again as the same bytes.
#include "driver.hpp"
#include <cstdlib>
#include <dunlin/net/entry.hpp>

namespace {
std::vector<std::uint8_t> octets_of(dunlin::bytes_view b) { return {b.begin(), b.end()}; }
} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    dunlin::bytes_view bytes(reinterpret_cast<char const*>(data), size);
    dunlin::decoder in(bytes);
    dunlin::series read;
    if (!read.read(in)) return -1;
    dunlin::encoder again;
    read.write(again);
    if (!bytes.starts_with(again.view())) std::abort();
    dunlin::entry_body body;
    if (!read.check(body)) std::abort();
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_samples() {
    std::vector<std::vector<std::uint8_t>> out;
    dunlin::writers table;
    dunlin::writer_id writer{};
    writer.run = 1;
    auto author = table.intern(writer);
    writer.run = 2;
    auto other = table.intern(writer);
    for (std::uint64_t first : {1u, 7u}) {
        dunlin::series s;
        s.writer = writer;
        s.first = first;
        s.first_stamp = 1000;
        s.prior = first > 1 ? 99 : 0;
        for (int n = 0; n < 3; ++n) {
            dunlin::entry_builder builder;
            builder.begin(author);
            if (n == 0 && first == 1) builder.follow({writer, 3, {}});
            if (!builder.depend(other, 5, table)) std::abort();
            builder.delta().bytes("a delta");
            dunlin::encoder body;
            builder.finish(std::uint64_t(n), body);
            s.add(body.view());
        }
        dunlin::encoder bytes;
        s.write(bytes);
        out.push_back(octets_of(bytes.view()));
    }
    return out;
}
