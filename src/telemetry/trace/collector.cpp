#include "telemetry/trace/collector.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <curl/curl.h>

#include "sluice/json.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::size_t answer_bytes_kept = 64 * 1024;
constexpr std::size_t answer_bytes_max = 4 * 1024 * 1024;
constexpr auto retry_after_max = seconds{300};
constexpr auto slice = milliseconds{50};  // how soon hurry() is seen

struct FreeEasy {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeMulti {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
struct FreeList {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

struct Incoming {
    std::string body;
    std::size_t bytes = 0;
};

// An answer longer than a collector's may be ends the transfer.
std::size_t take_body(char const* data, std::size_t size, std::size_t count, void* into) {
    auto& incoming = *static_cast<Incoming*>(into);
    auto const bytes = size * count;
    incoming.bytes += bytes;
    if (incoming.bytes > answer_bytes_max) return 0;
    auto const room = answer_bytes_kept - std::min(answer_bytes_kept, incoming.body.size());
    incoming.body.append(data, std::min(bytes, room));
    return bytes;
}

class CurlCollector final : public Collector {
  public:
    explicit CurlCollector(CollectorOptions options) : options_(std::move(options)) {}

    bool set_up() {
        easy_.reset(curl_easy_init());
        multi_.reset(curl_multi_init());
        if (!easy_ || !multi_ || !add_header("content-type: application/json") ||
            !add_header("expect:")) {
            return false;
        }
        for (auto const& [name, value] : options_.headers) {
            if (!add_header(name + ": " + std::string{value.reveal()})) return false;
        }
        auto* const easy = easy_.get();
        curl_easy_setopt(easy, CURLOPT_URL, options_.url.c_str());
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice");
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a slow resolver does not hold us at stop
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        if (!options_.tls_ca.empty()) {
            curl_easy_setopt(easy, CURLOPT_CAINFO, options_.tls_ca.c_str());
        }
        return true;
    }

    CollectorAnswer post(std::string_view body, Deadline until) override {
        Incoming incoming;
        auto* const easy = easy_.get();
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &incoming);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
        CollectorAnswer answer;
        if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK) {
            answer.why = "libcurl could not begin";
            return answer;
        }
        auto const code = run(until);
        long status = 0;
        if (code && *code == CURLE_OK) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_off_t wait_s = 0;
        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait_s);
        curl_multi_remove_handle(multi_.get(), easy);
        answer.status = static_cast<int>(status);
        if (!code) answer.why = "given up";
        if (code && *code != CURLE_OK) answer.why = curl_easy_strerror(*code);
        auto const wait = std::clamp<curl_off_t>(wait_s, 0, retry_after_max.count());
        answer.retry_after = seconds{wait};
        if (answer.is_taken()) answer.rejected = rejected_spans(incoming.body);
        return answer;
    }

    void hurry(Steady::time_point until) noexcept override {
        hurry_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
        curl_multi_wakeup(multi_.get());
    }

  private:
    bool add_header(std::string const& line) {
        auto* const list = curl_slist_append(headers_.get(), line.c_str());
        if (!list) return false;
        static_cast<void>(headers_.release());
        headers_.reset(list);
        return true;
    }

    [[nodiscard]] bool is_over(Deadline until) const noexcept {
        auto const now = Steady::now();
        auto const hurried = hurry_until_.load(std::memory_order_relaxed);
        return now >= until.at() || now.time_since_epoch().count() >= hurried;
    }

    // nullopt: the time was over.
    std::optional<CURLcode> run(Deadline until) {
        for (;;) {
            int running = 0;
            if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return CURLE_FAILED_INIT;
            int left = 0;
            while (auto const* message = curl_multi_info_read(multi_.get(), &left)) {
                if (message->msg == CURLMSG_DONE) return message->data.result;
            }
            if (is_over(until)) return std::nullopt;
            auto const wait = static_cast<int>(slice.count());
            if (curl_multi_poll(multi_.get(), nullptr, 0, wait, nullptr) != CURLM_OK) {
                return CURLE_FAILED_INIT;
            }
        }
    }

    CollectorOptions options_;
    std::unique_ptr<curl_slist, FreeList> headers_;
    std::unique_ptr<CURL, FreeEasy> easy_;  // keeps the connection between two posts
    std::unique_ptr<CURLM, FreeMulti> multi_;
    std::atomic<Steady::rep> hurry_until_{Steady::time_point::max().time_since_epoch().count()};
};

}  // namespace

bool CollectorAnswer::may_be_retried() const noexcept {
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

std::uint64_t rejected_spans(std::string_view body) {
    auto const parsed = json::parse(body);
    if (!parsed) return 0;
    auto const value = (*parsed)["partialSuccess"]["rejectedSpans"];
    if (auto const number = value.integer())
        return static_cast<std::uint64_t>(std::max<std::int64_t>(*number, 0));
    std::uint64_t count = 0;
    auto const text = value.string().value_or("");
    auto const [at, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
    return failure == std::errc{} && at == text.data() + text.size() ? count : 0;
}

Result<std::unique_ptr<Collector>> Collector::open(CollectorOptions options) {
    static bool const is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    auto collector = std::make_unique<CurlCollector>(std::move(options));
    if (!is_ready || !collector->set_up()) {
        return gateway_error(ErrorCode::internal, 500,
                             "libcurl could not be set up for telemetry.traces");
    }
    return std::unique_ptr<Collector>{std::move(collector)};
}

}  // namespace sluice::telemetry
