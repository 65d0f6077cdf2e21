#include "store/projection/projection.hpp"

#include <sys/stat.h>

#include "base/log.hpp"
#include "store/sqlite/schema.hpp"

namespace sluice::store {
namespace {

// The rest of an entry's columns, before its dimensions and measures.
constexpr std::string_view entry_columns = "at, id, n, surface, status, outcome, price, total_us";
constexpr int first_dimension = 9;
constexpr int first_measure = first_dimension + static_cast<int>(dimension_count);

std::uint64_t inode_of(std::string const& path) noexcept {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? found.st_ino : 0;
}

}  // namespace

// What one transaction takes in.
struct Projection::Chunk {
    Place place;
    std::int64_t sealed_to = 0;
    DaySums late;  // for days whose sums were made before
    Feeds feeds;
};

Result<std::unique_ptr<Projection>> Projection::open(std::string const& storage_dir) {
    auto database = Database::open(database_path(storage_dir), Database::Mode::write);
    if (!database) return std::move(database).error();
    auto migrated = migrate(*database);
    if (!migrated) return std::move(migrated).error();
    std::unique_ptr<Projection> made{new Projection{storage_dir, std::move(*database)}};
    auto prepared = made->prepare();
    if (!prepared) return std::move(prepared).error();
    return made;
}

Result<void> Projection::prepare() {
    inode_ = inode_of(database_.path());
    auto words = Words::open(database_);
    if (!words) return std::move(words).error();
    words_ = std::make_unique<Words>(std::move(*words));
    auto days = DayTable::open(database_);
    if (!days) return std::move(days).error();
    days_ = std::make_unique<DayTable>(std::move(*days));
    std::pair<Statement*, std::string> const wanted[] = {
        {&find_place_,
         "SELECT position, records, duplicates, bad, last_at FROM file WHERE name = ?"},
        {&put_place_,
         "INSERT INTO file VALUES(?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET "
         "position = excluded.position, records = excluded.records, "
         "duplicates = excluded.duplicates, bad = excluded.bad, last_at = excluded.last_at"},
        {&put_feed_,
         "INSERT INTO feed VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
         "last = max(last, excluded.last), records = records + excluded.records"},
        {&put_entry_, "INSERT INTO entry(" + std::string{entry_columns} + ", " +
                          list_of(dimension_columns) + ", " + list_of(measure_columns) +
                          ") VALUES(" + placeholders(8 + dimension_count + measure_count) +
                          ") ON CONFLICT DO NOTHING"},
        {&sealed_, "SELECT value FROM mark WHERE name = 'sealed_to'"},
    };
    for (auto const& [statement, sql] : wanted) {
        auto made = database_.prepare(sql);
        if (!made) return std::move(made).error();
        *statement = std::move(*made);
    }
    return {};
}

bool Projection::is_in_place() const noexcept { return inode_of(database_.path()) == inode_; }

Result<void> Projection::catch_up() {
    for (;;) {
        auto more = advance();
        if (!more) return std::move(more).error();
        if (!*more) return {};
    }
}

Result<bool> Projection::advance() {
    auto files = list_ledger(storage_dir_);
    if (!files) return std::move(files).error();
    bool took = false;
    pending_bytes_ = 0;
    for (auto const& file : *files) {
        auto const known = positions_.find(file.name);
        if (known == positions_.end()) {
            auto place = read_place(file.name);
            if (!place) return std::move(place).error();
            positions_[file.name] = place->position;
        }
        auto& position = positions_[file.name];
        if (!took && file.size > position) {
            auto reader = LineReader::open(ledger_folder(storage_dir_) + "/" + file.name, position);
            if (!reader) return std::move(reader).error();
            auto lines = reader->read();
            if (!lines) return std::move(lines).error();
            if (!lines->empty()) {
                auto taken = take(file.name, *reader, *lines);
                if (!taken) {
                    words_->forget();  // numbers of a transaction that is no more
                    positions_.clear();
                    return taken;
                }
                took = true;
            }
        }
        pending_bytes_ += std::max<std::int64_t>(0, file.size - position);
    }
    return took;
}

// `lines` begin at the reader's position. True also when another process was there before.
Result<bool> Projection::take(std::string const& name, LineReader& reader, std::string_view lines) {
    auto transaction = Transaction::begin(database_, Transaction::Kind::write);
    if (!transaction) return std::move(transaction).error();
    Chunk chunk;
    auto place = read_place(name);
    if (!place) return std::move(place).error();
    chunk.place = *place;
    if (place->position != reader.position()) {
        positions_[name] = place->position;
        return true;
    }
    auto sealed = sealed_.step();
    if (!sealed) return std::move(sealed).error();
    chunk.sealed_to = *sealed ? sealed_.integer(0) : 0;
    sealed_.reset();
    auto const before = counters_;
    auto const stored = [&]() -> Result<void> {
        auto done = project(lines, chunk);
        if (done) done = days_->add(chunk.late);
        if (done) done = write_feeds(chunk.feeds);
        if (done) done = write_place(name, chunk.place);
        if (done) done = transaction->commit();
        return done;
    }();
    if (!stored) {
        counters_ = before;
        return stored.error();
    }
    positions_[name] = chunk.place.position;
    return true;
}

Result<void> Projection::project(std::string_view lines, Chunk& chunk) {
    chunk.place.position += static_cast<std::int64_t>(lines.size());
    while (!lines.empty()) {
        auto const text = take_line(lines);
        if (text.empty()) continue;
        auto line = read_ledger_line(text);
        if (line && line->schema > line_schema_max) {
            return gateway_error(ErrorCode::internal, 500,
                                 "the ledger holds records of a newer sluice (schema " +
                                     std::to_string(line->schema) + "); run the newer one");
        }
        if (!line) {
            // A write that was cut short; what was whole of it was written again.
            log::warn("a line of the ledger is left out: {}", line.error().message);
            ++chunk.place.bad;
            ++counters_.bad_lines;
            continue;
        }
        auto is_new = insert(*line, chunk.sealed_to, chunk.late);
        if (!is_new) return std::move(is_new).error();
        ++(*is_new ? chunk.place.records : chunk.place.duplicates);
        ++(*is_new ? counters_.records : counters_.duplicates);
        chunk.place.last_at = std::max(chunk.place.last_at, line->at_ms);
        if (*is_new && !line->run.empty()) {
            auto& [last, records] = chunk.feeds[{line->run, line->worker}];
            last = std::max(last, line->sequence);
            ++records;
        }
    }
    return {};
}

// False: its id is there already.
Result<bool> Projection::insert(LedgerLine const& line, std::int64_t sealed_to, DaySums& late) {
    auto words = words_of(line);
    if (!words) return std::move(words).error();
    auto surface = words_->number_of(line.surface);
    if (!surface) return std::move(surface).error();
    auto const sums = to_sums(line);
    for (std::size_t n = 0; n < sums.size(); ++n) {
        auto const* attempt = n < line.attempts.size() ? &line.attempts[n] : nullptr;
        std::int64_t own[4] = {};  // provider, model, outcome, price
        std::string_view const texts[4] = {
            attempt ? std::string_view{attempt->provider} : "",
            attempt ? std::string_view{attempt->model} : "",
            attempt ? std::string_view{attempt->outcome} : line.error_code,
            attempt ? std::string_view{attempt->price} : ""};
        for (std::size_t i = 0; i < 4; ++i) {
            auto number = words_->number_of(texts[i]);
            if (!number) return std::move(number).error();
            own[i] = *number;
        }
        (*words)[static_cast<std::size_t>(Dimension::provider)] = own[0];
        (*words)[static_cast<std::size_t>(Dimension::model)] = own[1];
        put_entry_.bind(1, line.at_ms).bind(2, line.id).bind(3, static_cast<std::int64_t>(n));
        put_entry_.bind(4, *surface).bind(5, line.status).bind(6, own[2]).bind(7, own[3]);
        put_entry_.bind(8, line.total_us);
        for (std::size_t i = 0; i < dimension_count; ++i) {
            put_entry_.bind(first_dimension + static_cast<int>(i), (*words)[i]);
        }
        sums[n].bind(put_entry_, first_measure);
        bool const has_price = !attempt || attempt->cost || !attempt->has_tokens();
        if (!has_price) {
            put_entry_.bind_null(first_measure + static_cast<int>(Measure::cost));
        }
        auto done = put_entry_.run();
        if (!done) return std::move(done).error();
        if (database_.changes() == 0) return false;
        if (line.at_ms < sealed_to) late[{day_of(line.at_ms), *words}] += sums[n];
    }
    return true;
}

// Those that all attempts share; provider and model are 0.
Result<WordIds> Projection::words_of(LedgerLine const& line) {
    WordIds words{};
    std::pair<Dimension, std::string const*> const texts[] = {
        {Dimension::org, &line.org},     {Dimension::team, &line.team},
        {Dimension::key, &line.key},     {Dimension::user, &line.user},
        {Dimension::route, &line.route}, {Dimension::tags, &line.tags}};
    for (auto const& [dimension, text] : texts) {
        auto number = words_->number_of(*text == "[]" ? std::string_view{} : *text);
        if (!number) return std::move(number).error();
        words[static_cast<std::size_t>(dimension)] = *number;
    }
    return words;
}

Result<Projection::Place> Projection::read_place(std::string const& name) {
    find_place_.bind(1, name);
    auto found = find_place_.step();
    if (!found) return std::move(found).error();
    Place place;
    if (*found) {
        place = {find_place_.integer(0), find_place_.integer(1), find_place_.integer(2),
                 find_place_.integer(3), find_place_.integer(4)};
    }
    find_place_.reset();
    return place;
}

Result<void> Projection::write_place(std::string const& name, Place const& place) {
    put_place_.bind(1, name).bind(2, place.position).bind(3, place.records);
    put_place_.bind(4, place.duplicates).bind(5, place.bad).bind(6, place.last_at);
    return put_place_.run();
}

Result<void> Projection::write_feeds(Feeds const& feeds) {
    for (auto const& [feed, seen] : feeds) {
        put_feed_.bind(1, feed.first).bind(2, feed.second);
        put_feed_.bind(3, seen.first).bind(4, seen.second);
        auto done = put_feed_.run();
        if (!done) return done;
    }
    return {};
}

}  // namespace sluice::store
