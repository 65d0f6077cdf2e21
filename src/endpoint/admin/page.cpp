#include "endpoint/admin/page.hpp"

#include "engine/answer.hpp"
#include "engine/snapshot.hpp"
#include "net/server_stream.hpp"
#include "stage/auth/admin_token.hpp"

namespace sluice::endpoint {
namespace {

Async<AdminAnswer> ready_answer(Result<AdminAnswer> answer) { co_return answer; }

}  // namespace

AdminPage::Make AdminPage::at_once(std::function<Result<AdminAnswer>(Exchange&)> make) {
    return [make = std::move(make)](Exchange& x) { return ready_answer(make(x)); };
}

Async<> AdminPage::run(Exchange& x) {
    auto allowed = stage::authorize_admin(x.snapshot.admin_token, x.client.head().headers);
    if (!allowed) co_return co_await engine::refuse(x, std::move(allowed).error());
    auto made = co_await make_(x);
    if (!made) co_return co_await engine::refuse(x, std::move(made).error());
    AdminAnswer answer = std::move(*made);
    co_return co_await engine::answer_text(x, answer.status, answer.content_type,
                                           std::move(answer.body));
}

}  // namespace sluice::endpoint
