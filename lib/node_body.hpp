// Node body: what a node owns, and how its parts find each other. Private to lib.
//
//   file --- store --- spaces --- machine --- mesh --- links
//                        |
//                      roster (a space of its own, `dunlin`)
//
// Threads  the node's executor; a space may have its own, then everything between them is posted.
#pragma once
#include "../net/key.hpp"
#include "../net/tcp.hpp"
#include "node.hpp"
#include "store.hpp"
#include <atomic>

namespace dunlin {

class node_links;

class node_body : public std::enable_shared_from_this<node_body> {
public:
    node_body(any_io_executor executor, options const& o, std::optional<surroundings> outside);
    ~node_body();

    void start(done_handler handler);
    void stop(done_handler handler);
    /// Stops at once, as a crash would: nothing more is saved, said or answered.
    void drop();

    space space_named(std::string const& name, any_io_executor executor);
    node_id const& id() const { return id_; }
    std::string address() const;
    std::string status();
    void status_with_digests(std::function<void(std::string)> done);
    void schema(std::function<void(std::string)> done);
    void get(std::string const& type, std::string const& key, std::function<void(std::string)> done);
    void alarm(std::string const& text) { alarms()(text); }
    std::function<void(std::string const&)> alarm_;
    options const& settings() const { return options_; }
    any_io_executor executor() const { return executor_; }
    dunlin::seams& seams() { return *seams_; }
    std::optional<dunlin::identity> const& own() const { return identity_; }
    std::optional<cluster_key> const& key() const { return key_; }
    bool has_file() const { return !options_.data().empty(); }
    std::chrono::milliseconds sync_deadline() const { return options_.sync_deadline(); }
    bool alone() const { return options_.join().empty(); }
    std::map<std::string, std::shared_ptr<space_body>>& spaces() { return spaces_; }
    bool started() const { return started_; }

private:
    any_io_executor executor_;
    options options_;
    std::optional<surroundings> outside_;
    struct machine; // the clock, chance and transport of this machine
    std::shared_ptr<machine> machine_;
    std::optional<dunlin::seams> seams_;
    std::optional<dunlin::identity> identity_;
    std::optional<cluster_key> key_;
    node_id id_{};
    std::optional<std::size_t> members_; // others with a file, as the roster of a node has it that is linked to nobody
    writer_id writer_;
    std::shared_ptr<store> store_; // a space with an executor of its own may hold it until it has stopped
    std::unique_ptr<timer> reopen_timer_;
    std::chrono::seconds reopen_delay_{1};
    bool reopening_ = false;
    bool file_moved_ = false; // its pages were damaged, or it is gone: this run does not open another one
    std::function<void()> after_reopening_;
    std::map<std::string, std::shared_ptr<space_body>> spaces_;
    std::unique_ptr<node_links> links_;
    std::vector<std::unique_ptr<done_handler>> starting_, stopping_;
    std::atomic<bool> started_ = false; // spaces look from their own executors
    bool begun_ = false;                // the spaces there were are being started: what is named now starts at once
    bool stopped_ = false;
    std::string failure_;

    std::shared_ptr<space_body> make_space(std::string const& name, any_io_executor executor);
    std::function<void(std::string const&)> alarms();
    // node_file.cpp
    struct file_content;
    void open_file();
    void read_file();
    void opened(std::shared_ptr<file_content> const& found, boost::system::error_code ec, std::string const& moved_to);
    void start_space(std::shared_ptr<space_body> const& s, std::shared_ptr<file_content> const& found,
                     std::function<void()> done);
    void file_failed(boost::system::error_code ec);
    void reopen();
    void reopened(file_content& found, boost::system::error_code ec, store_summary const& summary);
    void mend_file(std::function<void()> then);
    void close_file();
    store_options file_options() const;
    void start_spaces(std::shared_ptr<file_content> const& found);
    void leave_spaces(std::function<void()> then);
    void seal_spaces();
    // node_links.cpp
    void start_links();
    void count_members();
    void stop_links(std::function<void()> done);
    void drop_links();
    void link_space(std::shared_ptr<space_body> const& s);
    void send(std::string const& space, peer_number to, space_message&& said);
    void when_idle(std::string const& space, peer_number p);
    void finish_start(boost::system::error_code ec);
    void stop_spaces(std::function<void()> then);
    void answer_all(std::vector<std::unique_ptr<done_handler>>& waiting, boost::system::error_code ec);
};

} // namespace dunlin
