#include "sluice/result.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>

namespace sluice {
namespace {

Error some_error() { return client_error(ErrorCode::invalid_json, 400, "what", "why"); }

TEST(Result, is_no_larger_than_a_pointer_beside_its_value) {
    EXPECT_EQ(sizeof(Result<void>), sizeof(void*));
    EXPECT_EQ(sizeof(Result<std::unique_ptr<int>>), 2 * sizeof(void*));
}

TEST(Result, an_error_keeps_all_it_says) {
    Result<int> const result = some_error();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::invalid_json);
    EXPECT_EQ(result.error().origin, Origin::client);
    EXPECT_EQ(result.error().http_status, 400);
    EXPECT_EQ(result.error().message, "what");
    EXPECT_EQ(result.error().detail, "why");
}

TEST(Result, a_copy_has_an_error_of_its_own) {
    Result<void> const first = some_error();
    auto second = first;
    second.error().message = "another";
    EXPECT_EQ(first.error().message, "what");
    EXPECT_EQ(second.error().message, "another");
    second = first;
    EXPECT_EQ(second.error().message, "what");
    second = Result<void>{};
    EXPECT_TRUE(second.ok());
    EXPECT_FALSE(first.ok());
}

TEST(Result, an_error_moves_on_into_another_result) {
    Result<int> first = some_error();
    Result<std::string> const second = std::move(first).error();
    EXPECT_EQ(second.error().message, "what");
    EXPECT_FALSE(first.ok());
}

TEST(Result, what_is_not_there_throws) {
    Result<int> wrong = some_error();
    EXPECT_THROW(static_cast<void>(wrong.value()), std::bad_variant_access);
    Result<int> right = 7;
    EXPECT_THROW(static_cast<void>(right.error()), std::bad_variant_access);
    Result<void> none;
    EXPECT_THROW(static_cast<void>(none.error()), std::logic_error);
}

}  // namespace
}  // namespace sluice
