#define PCRE2_CODE_UNIT_WIDTH 8
#include "guard/pattern.hpp"

#include <pcre2.h>

#include "guard/pattern_leads.hpp"

namespace sluice::guard {
namespace {

constexpr std::uint32_t match_limit = 200'000;
constexpr std::uint32_t depth_limit = 2'000;
constexpr std::uint32_t heap_limit_kib = 2'048;
constexpr std::size_t jit_stack_min = 32 * 1024;
constexpr std::size_t jit_stack_max = 512 * 1024;

struct Free {
    void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
    void operator()(pcre2_match_context* context) const noexcept {
        pcre2_match_context_free(context);
    }
    void operator()(pcre2_jit_stack* stack) const noexcept { pcre2_jit_stack_free(stack); }
};

// What matching writes to: one for each thread.
struct Scratch {
    std::unique_ptr<pcre2_match_data, Free> data{pcre2_match_data_create(1, nullptr)};
    std::unique_ptr<pcre2_match_context, Free> context{pcre2_match_context_create(nullptr)};
    std::unique_ptr<pcre2_jit_stack, Free> stack{
        pcre2_jit_stack_create(jit_stack_min, jit_stack_max, nullptr)};

    Scratch() {
        if (!context) return;
        pcre2_set_match_limit(context.get(), match_limit);
        pcre2_set_depth_limit(context.get(), depth_limit);
        pcre2_set_heap_limit(context.get(), heap_limit_kib);
        pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    }
};

Error refused(std::string why) {
    return gateway_error(ErrorCode::invalid_request, 400, std::move(why));
}

class Pattern final : public Matcher {
  public:
    // `anchored`: the same, to be tried at one place. Null: there are no leads.
    Pattern(std::unique_ptr<pcre2_code, Free> code, std::vector<Lead> leads,
            std::unique_ptr<pcre2_code, Free> anchored)
        : code_(std::move(code)), leads_(std::move(leads)), anchored_(std::move(anchored)) {}

    [[nodiscard]] Found find(std::string_view text, std::size_t at, bool final) const override {
        return match(*code_, text, at, final);
    }

    [[nodiscard]] std::vector<Lead> leads() const override { return leads_; }

    [[nodiscard]] Tried attempt(std::string_view text, std::size_t at, bool final) const override {
        auto const found = match(*anchored_, text, at, final);
        switch (found.kind) {
            case Found::Kind::match:
                return match_to(found.to);
            case Found::Kind::partial:
                return needs_more;
            case Found::Kind::failed:
                return {Tried::Kind::failed, text.size()};
            case Found::Kind::none:
                break;
        }
        return no_match;
    }

  private:
    static Found match(pcre2_code const& code, std::string_view text, std::size_t at, bool final) {
        thread_local Scratch const scratch;
        if (!scratch.data || !scratch.context) return {Found::Kind::failed, at, text.size()};
        auto const options = final ? 0 : PCRE2_PARTIAL_HARD;
        auto const found =
            pcre2_match(&code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, options,
                        scratch.data.get(), scratch.context.get());
        auto const* range = pcre2_get_ovector_pointer(scratch.data.get());
        if (found >= 0) {
            if (range[1] > range[0]) return {Found::Kind::match, range[0], range[1]};
            return {Found::Kind::failed, at, text.size()};  // refused at load where it can be seen
        }
        if (found == PCRE2_ERROR_PARTIAL) return {Found::Kind::partial, range[0], 0};
        if (found == PCRE2_ERROR_NOMATCH) return {};
        return {Found::Kind::failed, at, text.size()};
    }

    std::unique_ptr<pcre2_code, Free> code_;
    std::vector<Lead> leads_;
    std::unique_ptr<pcre2_code, Free> anchored_;
};

constexpr std::uint32_t compile_options =
    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;

std::unique_ptr<pcre2_code, Free> compile(std::string const& pattern, std::uint32_t options,
                                          int& number, PCRE2_SIZE& where) {
    std::unique_ptr<pcre2_code, Free> code{
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options,
                      &number, &where, nullptr)};
    // Without JIT it matches all the same, more slowly.
    if (code) (void)pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    return code;
}

}  // namespace

Result<std::unique_ptr<Matcher>> make_pattern(std::string const& pattern) {
    int number = 0;
    PCRE2_SIZE where = 0;
    auto code = compile(pattern, compile_options, number, where);
    if (!code) {
        PCRE2_UCHAR words[160];
        pcre2_get_error_message(number, words, sizeof words);
        return refused("is no valid pattern: " + std::string{reinterpret_cast<char*>(words)} +
                       " (character " + std::to_string(where + 1) + ")");
    }
    std::uint32_t behind = 0;
    pcre2_pattern_info(code.get(), PCRE2_INFO_MAXLOOKBEHIND, &behind);
    if (behind * 4 > look_behind_bytes && behind > 8) {
        return refused("looks further back than 8 characters; shorten its look-behind");
    }
    std::uint32_t empty = 0;
    pcre2_pattern_info(code.get(), PCRE2_INFO_MATCHEMPTY, &empty);
    if (empty != 0) return refused("can match nothing at all; make a part of it needed");
    if (pattern.find("\\K") != pattern.npos) {
        return refused("uses \\K, which cannot be scanned for in a stream; use a look-behind");
    }
    auto leads = leads_of(pattern);
    std::unique_ptr<pcre2_code, Free> anchored;
    if (!leads.empty())
        anchored = compile(pattern, compile_options | PCRE2_ANCHORED, number, where);
    if (!anchored) leads.clear();
    return std::unique_ptr<Matcher>{
        std::make_unique<Pattern>(std::move(code), std::move(leads), std::move(anchored))};
}

}  // namespace sluice::guard
