#include "telemetry/webhook.hpp"

#include <algorithm>
#include <array>
#include <curl/curl.h>
#include <memory>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <vector>

#include "base/background.hpp"
#include "base/log.hpp"

namespace sluice::telemetry {
namespace {

constexpr milliseconds pause_max{60'000};

struct FreeEasy {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeList {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

std::size_t ignore_body(char const*, std::size_t size, std::size_t count, void*) {
    return size * count;
}

int is_over(void* stopping, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<std::atomic<bool> const*>(stopping)->load() ? 1 : 0;
}

}  // namespace

std::string webhook_signature(Secret const& secret, std::int64_t unix_s, std::string_view body) {
    auto const text = std::to_string(unix_s) + "." + std::string{body};
    auto const key = secret.reveal();
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<unsigned char const*>(text.data()), text.size(), digest.data(), &size);
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "t=" + std::to_string(unix_s) + ",v1=";
    for (unsigned i = 0; i < size; ++i) {
        out += digits[digest[i] >> 4];
        out += digits[digest[i] & 15];
    }
    return out;
}

Webhook::Webhook(WebhookOptions options) : options_(std::move(options)) {
    static bool const is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (!is_ready) log::error("libcurl could not be set up: no webhook is sent");
    thread_ = std::thread([this] { run(); });
}

Webhook::~Webhook() { stop(); }

void Webhook::send(std::string body) {
    {
        std::lock_guard const lock(mutex_);
        if (is_stopping_ || queue_.size() >= queue_max) {
            ++dropped_;
            return;
        }
        queue_.push_back(std::move(body));
    }
    wake_.notify_all();
}

void Webhook::stop() {
    {
        std::lock_guard const lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

WebhookCounters Webhook::counters() const noexcept {
    return {sent_.load(), failed_.load(), dropped_.load()};
}

void Webhook::run() {
    run_in_background("webhook");
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
        if (is_stopping_) break;
        auto const body = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        bool const goes_on = deliver(body);
        lock.lock();
        if (!goes_on) {
            ++dropped_;
            break;
        }
    }
    dropped_ += queue_.size();
    queue_.clear();
}

bool Webhook::deliver(std::string const& body) {
    auto pause = options_.pause;
    for (int attempt = 1;; ++attempt) {
        auto const sent = post(body);
        if (sent == Sent::taken) {
            ++sent_;
            return true;
        }
        if (is_stopping_) return false;
        ++failed_;
        if (sent == Sent::refused || attempt >= options_.attempts_max) {
            ++dropped_;
            log::error("webhook: a message was given up after {} tries", attempt);
            return true;
        }
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, pause, [this] { return is_stopping_.load(); });
        if (is_stopping_) return false;
        pause = std::min(pause * 2, pause_max);
    }
}

Webhook::Sent Webhook::post(std::string const& body) {
    std::unique_ptr<CURL, FreeEasy> const easy{curl_easy_init()};
    if (!easy) return Sent::failed;
    std::vector<std::string> lines{"content-type: application/json", "expect:"};
    if (!options_.secret.empty()) {
        auto const now =
            std::chrono::duration_cast<seconds>(Wall::now().time_since_epoch()).count();
        lines.push_back("x-sluice-signature: " + webhook_signature(options_.secret, now, body));
    }
    std::unique_ptr<curl_slist, FreeList> headers;
    for (auto const& line : lines) {
        auto* const list = curl_slist_append(headers.get(), line.c_str());
        if (!list) return Sent::failed;
        static_cast<void>(headers.release());
        headers.reset(list);
    }
    auto* const handle = easy.get();
    curl_easy_setopt(handle, CURLOPT_URL, options_.url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "sluice");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, ignore_body);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, is_over);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &is_stopping_);
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.data());
    auto const code = curl_easy_perform(handle);
    long status = 0;
    if (code == CURLE_OK) curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) return Sent::taken;
    if (!is_stopping_) {
        log::warn("webhook: {}", code == CURLE_OK ? "answered " + std::to_string(status)
                                                  : curl_easy_strerror(code));
    }
    bool const is_about_it = status >= 400 && status < 500 && status != 408 && status != 429;
    return is_about_it ? Sent::refused : Sent::failed;
}

}  // namespace sluice::telemetry
