// Trace context: which headers are taken, and what is written.
#include "base/trace_context.hpp"

#include <gtest/gtest.h>
#include <set>

namespace sluice {
namespace {

constexpr char const* valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContext, AValidTraceparentIsReadAndWrittenBack) {
    auto const context = read_traceparent(valid);
    ASSERT_TRUE(context);
    EXPECT_TRUE(context->sampled);
    EXPECT_EQ(to_traceparent(context->trace, context->parent, true), valid);
    EXPECT_FALSE(
        read_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")->sampled);
}

TEST(TraceContext, OtherFlagsDoNotDecide) {
    EXPECT_TRUE(
        read_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff")->sampled);
    EXPECT_FALSE(
        read_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02")->sampled);
}

TEST(TraceContext, LaterVersionsMayGoOn) {
    for (char const* text :
         {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-later"}) {
        EXPECT_TRUE(read_traceparent(text)) << text;
    }
}

TEST(TraceContext, AnInvalidTraceparentIsAsIfThereWereNone) {
    for (char const* text : {
             "",
             "00",
             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.",
             "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.",
             "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
             "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
             "00-00000000000000000000000000000000-b7ad6b7169203331-01",
             "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
             "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
             "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
             "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
             "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
             "00-0af7651916cd43dd8448eb211c80319cb7ad6b7169203331--01",
             " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
         }) {
        EXPECT_FALSE(read_traceparent(text)) << text;
    }
}

TEST(TraceContext, Tracestates) {
    std::string many;
    for (int i = 0; i < 33; ++i) many += "k" + std::to_string(i) + "=v,";
    for (auto const& text :
         {std::string{"congo=t61rcWkgMzE"}, std::string{"rojo=00f067aa0ba902b7,congo=t61"},
          std::string{"fw529a3039@dt=FfAAAQ , a/b*c-d_e=x y"}, std::string{"a=1,,b=2"},
          many.substr(0, many.find("k32"))}) {
        EXPECT_TRUE(is_tracestate(text)) << text;
    }
    for (auto const& text :
         {std::string{}, std::string{","}, std::string{"a"}, std::string{"=b"}, std::string{"a="},
          std::string{"A=b"}, std::string{"a=b=c"}, std::string{"a=b\n"}, std::string{"a=\x80"},
          many, "a=" + std::string(257, 'x'), "a=1,b=" + std::string(600, 'x')}) {
        EXPECT_FALSE(is_tracestate(text)) << text;
    }
}

TEST(TraceContext, NewIdsAreSetAndDiffer) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        std::string trace;
        append_hex(trace, new_trace_id());
        std::string span;
        append_hex(span, new_span_id());
        EXPECT_EQ(trace.size(), 32U);
        EXPECT_EQ(span.size(), 16U);
        seen.insert(trace);
        seen.insert(span);
    }
    EXPECT_EQ(seen.size(), 2000U);
}

}  // namespace
}  // namespace sluice
