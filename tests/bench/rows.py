"""What a run of the bench drives, row by row. Called by tests/bench/run; drive.py does what stands here."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Lane:
    """A way through a proxy: who speaks what, and where there is TLS."""
    caller: str = "openai"        # the caller's dialect
    provider: str = "openai"      # the upstream's
    caller_tls: bool = False
    upstream_tls: str = "plain"   # plain, tls, full: no session is resumed
    closes: bool = False          # the upstream closes each connection behind its answer


PLAIN = Lane()
TLS_CALLER = Lane(caller_tls=True)
TLS_UPSTREAM = Lane(upstream_tls="tls")
TLS_BOTH = Lane(caller_tls=True, upstream_tls="tls")
TO_ANTHROPIC = Lane(provider="anthropic")
FROM_ANTHROPIC = Lane(caller="anthropic")
ANTHROPIC = Lane(caller="anthropic", provider="anthropic")


@dataclasses.dataclass
class Through:
    """One line of a row: a target by its name, and the lane it is driven on. Ratios go to the line named as base."""
    label: str
    target: str
    lane: Lane = PLAIN


def both(lane=PLAIN):
    return [Through("nginx", "nginx", lane), Through("sluice", "sluice", lane)]


DIRECT = Through("direct", "direct")
BESIDE = both()
MEASURED = [DIRECT] + BESIDE


@dataclasses.dataclass
class Row:
    """mode and options are bench_load's; a unit of work is a request or a chunk."""
    name: str
    mode: str
    model: str
    body: str
    through: list = dataclasses.field(default_factory=lambda: BESIDE)
    base: str = "nginx"
    quick: bool = False        # in a quick run, too
    gate: float = 0            # in a gated run the CPU of a unit may be this many times nginx's
    seconds: float = 1         # times the run's seconds
    options: dict = dataclasses.field(default_factory=dict)

    @property
    def unit(self):
        return "chunks" if self.mode == "stream" else "requests"


def stream(name, streams, chunks, pause_us=0, through=BESIDE, seconds=1.0, ramp_us=0, **more):
    return Row(name, "stream", f"sse-{chunks}-{pause_us}", "stream", through, seconds=seconds,
               options={"connections": streams, "chunks": chunks, "pace_us": pause_us, "ramp_us": ramp_us}, **more)


def closed(name, model, body, connections, through=BESIDE, fresh=False, resumes=True, **more):
    return Row(name, "closed", model, body, through,
               options={"connections": connections, "fresh": int(fresh), "resumes": int(resumes)}, **more)


def open_loop(rate, delay_ms, through=MEASURED, **more):
    upstream = f"unary-1k-{delay_ms * 1000}" if delay_ms else "unary-1k"
    return Row(f"open loop {rate:,}/s, {delay_ms} ms", "open", upstream, "1k", through,
               options={"connections": 64 + rate * delay_ms // 250, "rate": rate}, **more)


def verbatim_and_translated():
    return [Through("sluice", "sluice"),
            Through("sluice, OpenAI on Anthropic", "sluice", TO_ANTHROPIC),
            Through("sluice, Anthropic verbatim", "sluice", ANTHROPIC),
            Through("sluice, Anthropic on OpenAI", "sluice", FROM_ANTHROPIC)]


def rows(seconds):
    """`seconds` of one round. Streams have a length instead."""
    flood, paced = int(6000 * seconds), max(40, int(40 * seconds))
    off = [Through("sluice, guards off", "sluice, guards off"), Through("sluice, limits off", "sluice, limits off"),
           Through("sluice, plain", "sluice, plain")]
    return [
        *(closed(f"1 KB, c={c}", "unary-1k", "1k", c, MEASURED if c == 1 else BESIDE) for c in (1, 16)),
        closed("1 KB, c=64", "unary-1k", "1k", 64, BESIDE + off, quick=True, gate=3.5),
        closed("1 KB, c=64, access log", "unary-1k", "1k", 64, [Through("nginx", "nginx+log"), BESIDE[1]]),
        closed("1 KB, c=256", "unary-1k", "1k", 256),
        *(closed(f"100 KB request, c={c}", "unary-1k", "100k", c, BESIDE + off if c == 16 else BESIDE,
                 quick=c == 16, gate=6 if c == 16 else 0) for c in (1, 16, 64, 256)),
        *(closed(f"100 KB answer, c={c}", "unary-100k", "1k", c, BESIDE + off if c == 16 else BESIDE,
                 quick=c == 16) for c in (1, 16, 64, 256)),
        *(open_loop(rate, delay, quick=rate == 1000 and delay == 0) for rate in (1000, 5000) for delay in (0, 20)),
        stream("SSE flood, 16 streams", 16, flood, through=BESIDE + off, quick=True, gate=5),
        stream("SSE paced, 200 x 100/s", 200, max(20, int(100 * seconds)), 10000, MEASURED, ramp_us=1000),
        stream("SSE paced, 512 x 20/s", 512, paced, 50000, MEASURED, ramp_us=1000, quick=True, gate=3),
        # All 2,000 are open for three quarters of it.
        stream("SSE paced, 2,000 x 20/s", 2000, max(80, paced), 50000, MEASURED, ramp_us=500),
        closed("translated, 1 KB, c=16", "unary-1k", "1k", 16, verbatim_and_translated(), base="sluice", quick=True),
        stream("translated, SSE flood", 16, flood, through=verbatim_and_translated(), base="sluice", quick=True),
        closed("TLS upstream, 1 KB, c=16", "unary-1k", "1k", 16,
               [*both(TLS_UPSTREAM), Through("sluice, no TLS", "sluice")], quick=True),
        closed("TLS upstream, 100 KB answer, c=16", "unary-100k", "1k", 16, both(TLS_UPSTREAM)),
        closed("TLS caller, 1 KB, c=16", "unary-1k", "1k", 16, both(TLS_CALLER)),
        closed("TLS both, 1 KB, c=16", "unary-1k", "1k", 16, both(TLS_BOTH)),
        closed("TLS caller, resumed each", "unary-1k", "1k", 4, both(TLS_CALLER), fresh=True),
        closed("TLS caller, full each", "unary-1k", "1k", 4, both(TLS_CALLER), fresh=True, resumes=False),
        closed("TLS upstream, resumed each", "unary-1k", "1k", 4, both(Lane(upstream_tls="tls", closes=True))),
        closed("TLS upstream, full each", "unary-1k", "1k", 4, both(Lane(upstream_tls="full", closes=True))),
        closed("1 KB, c=64, 2 workers, not pinned", "unary-1k", "1k", 64,
               [Through("nginx", "nginx, 2 workers"), Through("sluice", "sluice, 2 workers"),
                Through("sluice, 1 worker", "sluice")]),
    ]
