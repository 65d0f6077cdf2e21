"""The bench's own checks can fail: each is shown a run in which one thing is wrong. Run by ctest as bench.selftest."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bodies  # noqa: E402
import books  # noqa: E402
import drive  # noqa: E402
import lab  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402

MOCK = {"requests": 200, "streams": 0, "streams_done": 0, "plants_seen": 0, "plants_sent": 2,
        "answer_bytes": 3000}
LOAD = {"sent": 200, "ok": 200, "planted": 2, "plants_seen": 0}
ROW = rows.closed("row", "unary-1k", "1k", 4, fresh=True)


class Counts(unittest.TestCase):
    def wrong(self, is_guarded=True, lane=rows.PLAIN, load=None, mock=None):
        return drive.differences(LOAD | (load or {}), MOCK | (mock or {}), is_guarded, ROW, lane)

    def test_a_sound_round_has_no_difference(self):
        self.assertEqual(self.wrong(), [])

    def test_a_request_that_did_not_arrive(self):
        self.assertIn("199 reached", self.wrong(mock={"requests": 199})[0])

    def test_a_planted_match_that_came_through(self):
        self.assertIn("in requests", self.wrong(mock={"plants_seen": 1})[0])
        self.assertIn("in answers", self.wrong(load={"plants_seen": 1})[0])

    def test_without_guards_all_must_come_through(self):
        self.assertEqual(self.wrong(is_guarded=False, load={"plants_seen": 2}, mock={"plants_seen": 2}), [])
        self.assertEqual(len(self.wrong(is_guarded=False)), 2)

    def test_a_chunk_that_was_lost(self):
        self.assertIn("lost", self.wrong(load={"lost": 1})[0])

    def test_a_session_that_was_not_resumed(self):
        made = {"handshakes": 204, "resumed": 195}
        self.assertIn("only 195 of 204", self.wrong(lane=rows.TLS_CALLER, load=made)[0])
        self.assertEqual(self.wrong(lane=rows.TLS_CALLER, load=made | {"resumed": 196}), [])


class FakeSluice:
    guards = limits = True
    admin_port = 0

    def __init__(self, directory):
        self.directory = directory


class Agreement(unittest.TestCase):
    """Books of a sluice that served 3 requests, one of them with a planted match."""

    METRICS = {'sluice_requests_total{status="2xx"}': 3, "sluice_projection_records_total": 3,
               "sluice_ledger_records_dropped_total": 0, 'sluice_tokens_total{kind="input"}': 693,
               'sluice_tokens_total{kind="output"}': 336,
               'sluice_guardrail_matches_total{guardrail="pii",action="redact",way="request"}': 1,
               'sluice_guardrail_scans_total{way="request"}': 3, 'sluice_guardrail_scans_total{way="response"}': 3,
               'sluice_guardrail_scanned_bytes_total{way="request"}': 3072,
               'sluice_guardrail_scanned_bytes_total{way="response"}': 3000}

    def differences(self, metrics=None, used=1029, reserved=0, ledger=3, access=3):
        limits = [{"owner": owner, "limit": "tokens total", "used": used, "reserved": reserved}
                  for owner in ("team", "key", "provider")]
        pages = {"/metrics": "".join(f"{name} {value}\n" for name, value in (self.METRICS | (metrics or {})).items()),
                 "/admin/limits": json.dumps({"limits": limits})}
        real, lab.http = lab.http, lambda port, method, path: (200, pages[path].encode())
        try:
            with tempfile.TemporaryDirectory() as directory:
                os.makedirs(os.path.join(directory, "data", "ledger"))
                for path, lines in (("data/ledger/usage-1.jsonl", ledger), ("access.log", access)):
                    with open(os.path.join(directory, path), "w") as f:
                        f.write("{}\n" * lines)
                book = books.Books(FakeSluice(directory))
                book.note({"sent": 3, "planted": 1, "body_bytes": 3072}, MOCK | {"requests": 3, "plants_sent": 0})
                return book.differences()
        finally:
            lab.http = real

    def test_all_agree(self):
        self.assertEqual(self.differences(), [])

    def test_each_book_by_itself(self):
        for change, named in [({"ledger": 2}, "ledger lines"), ({"access": 4}, "access lines"), ({"used": 1028}, "limits owing"),
                              ({"reserved": 7}, "reservations open"),
                              ({"metrics": {'sluice_requests_total{status="2xx"}': 2}}, "sluice_requests_total"),
                              ({"metrics": {"sluice_projection_records_total": 2}}, "records in the database"),
                              ({"metrics": {"sluice_ledger_records_dropped_total": 1}}, "records dropped"),
                              ({"metrics": {'sluice_guardrail_scans_total{way="request"}': 2}}, "requests scanned"),
                              ({"metrics": {'sluice_guardrail_scans_total{way="response"}': 2}}, "responses scanned"),
                              ({"metrics": {'sluice_guardrail_scanned_bytes_total{way="request"}': 3071}},
                               "bytes of requests scanned"),
                              ({"metrics": {'sluice_guardrail_scanned_bytes_total{way="response"}': 2999}},
                               "bytes of responses scanned"),
                              ({"metrics": {'sluice_guardrail_matches_total{way="response"}': 1}}, "redacted in responses"),
                              ({"metrics": {'sluice_guardrail_matches_total{way="request"}': 1}}, "redacted in requests")]:
            with self.subTest(named):
                found = self.differences(**change)
                self.assertEqual(len(found), 1, found)
                self.assertIn(named, found[0])


class Figures(unittest.TestCase):
    def summary(self, nginx, sluice):
        taken = {"nginx": [{"cpu_us": us} for us in nginx], "sluice": [{"cpu_us": us} for us in sluice]}
        return report.summarise(taken, "nginx")

    def test_a_ratio_is_the_median_of_the_rounds_ratios(self):
        self.assertEqual(self.summary([10, 100, 10], [20, 210, 10])["sluice"]["cpu_us"]["ratio"], 2)

    def test_the_gate(self):
        def beyond(lines):
            return report.beyond_gate([{"row": "row", "gate": 3, "lines": lines}])
        self.assertEqual(beyond(self.summary([10], [29])), [])
        self.assertEqual(len(beyond(self.summary([10], [31]))), 1)
        self.assertEqual(len(beyond({"nginx": {}})), 1)


class Gate(unittest.TestCase):
    """A row is measured anew while it is beyond its gate, and fails when it stays there."""

    class Machine(drive.Bench):
        def __init__(self, ratios):
            self.ratios, self.measured = ratios, []

        def measure(self, row, rounds, seconds):
            self.measured.append(row)
            ratio = self.ratios[len(self.measured) - 1]
            taken = {"nginx": [{"cpu_us": 10}], "sluice": [{"cpu_us": 10 * ratio}]}
            return {"row": row.name, "gate": row.gate, "lines": report.summarise(taken, "nginx")}

    def gated(self, *ratios):
        machine = self.Machine(ratios)
        row = next(row for row in rows.rows(0.5) if row.gate)
        with contextlib.redirect_stderr(io.StringIO()):
            result = machine.measure_gated(row, 1, 0.5)
        return report.beyond_gate([result]), machine.measured

    def test_a_fast_row_is_measured_once_beside_nginx_alone(self):
        beyond, measured = self.gated(1)
        self.assertEqual((beyond, len(measured)), ([], 1))
        self.assertEqual([line.target for line in measured[0].through], ["nginx", "sluice"])

    def test_a_busy_minute_does_not_fail_it(self):
        beyond, measured = self.gated(1000, 1000, 1)
        self.assertEqual((beyond, len(measured)), ([], 3))

    def test_what_is_slow_each_time_fails(self):
        beyond, measured = self.gated(1000, 1000, 1000, 1)
        self.assertEqual((len(beyond), len(measured)), (1, 3))

    def test_small_and_large_requests_and_both_kinds_of_stream_have_a_gate(self):
        gated = [row.name for row in rows.rows(0.5) if row.gate]
        for kind in ("1 KB", "100 KB", "SSE flood", "SSE paced"):
            self.assertTrue(any(name.startswith(kind) for name in gated), kind)


class Inputs(unittest.TestCase):
    def test_bodies_have_their_size_and_only_planted_ones_a_match(self):
        for make in (bodies.request, bodies.answer, bodies.message):
            for size in (1024, 102400):
                for planted in (False, True):
                    body = make(size, planted=planted)
                    self.assertEqual(body.count(bodies.PLANT.encode()), planted)
                    self.assertTrue(size - 8 < len(body) <= size, len(body))

    def settings(self, *off):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "sluice.yaml")
            lab.render("sluice.yaml", path, off, SECOND=1)
            with open(path) as f:
                return "".join(line for line in f if not line.startswith("#"))

    def test_what_is_off_is_not_in_the_configuration(self):
        for off, setting in [("guards", "guardrails:"), ("limits", "limits:"), ("weights", "second: 1")]:
            with self.subTest(off):
                self.assertIn(setting, self.settings())
                self.assertNotIn(setting, self.settings(off))


if __name__ == "__main__":
    unittest.main()
