"""The benchmark's command line, its table and its chart, on rows that take no time."""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))  # where benchmarks/ is: nobody installs it
from benchmarks import report, rows, runner  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402

REPORT = {
    "machine": {"cpu": "a processor", "cores": 2, "memory_gib": 8.0, "system": "Linux x86_64", "python": "3.12.0"},
    "rates": {"flops": 1e11, "bandwidth": 1e10},
    "rows": {
        "vae": {
            "step": "a step", "unit": "ms", "goals": {"eager": 1.1}, "flops": 1e8, "bytes": 1e7,
            "results": {
                "minigen": {"median": 4e-3, "peak_bytes": 5e7, "versions": {"minigen": "9.9"}, "threads": 2},
                "eager": {"median": 6e-3, "peak_bytes": 3e8}, "default": {"median": 7e-3},
                "compile": {"error": "not done after 180 s"},
            },
        },
        "op_overhead/forward": {"step": "many", "unit": "ms", "per": 400, "results": {"minigen": {"median": 4e-4}}},
        "startup/size": {"step": "size", "unit": "MB",
                         "results": {"minigen": {"median": 1.0}, "eager": {"median": 700}}},
    },
}


def test_table():
    lines = report.table(REPORT).splitlines()
    result = [line for line in lines if line.startswith("| `")]
    cells = {line.split("`")[1]: [cell.strip() for cell in line.split("|")[3:-1]] for line in result}
    assert cells["vae"] == ["4 ms", "6 ms", "1.50 (1.1)", "1.75", "", "", "0.50", "50 / 300"]
    assert cells["op_overhead/forward"] == ["1.00 µs an op", "–", "", "", "", "", "", ""]
    assert cells["startup/size"][:3] == ["1 MB", "700 MB", "700.00"]
    assert lines[0].startswith("a processor, 2 cores") and "minigen 9.9" in lines[0]
    assert "- `vae`, torch.compile: not done after 180 s" in lines


def test_disturbed_rows_are_marked():
    quiet, loud = {"median": 1.2, "best": 1.0}, {"median": 2.0, "best": 1.0}
    assert not report.disturbed({"minigen": quiet, "eager": quiet}, "eager")
    assert report.disturbed({"minigen": quiet, "eager": loud}, "eager")
    assert report.disturbed({"minigen": loud, "eager": quiet}, "eager")


def test_files(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "machine", lambda: REPORT["machine"])
    assert report.read(tmp_path)["rows"] == {}
    report.write(REPORT, tmp_path)
    assert report.read(tmp_path) == json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == REPORT
    assert (tmp_path / "chart.png").read_bytes()[:4] == b"\x89PNG"
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- table -->\nold\n<!-- end of table -->\nafter\n", encoding="utf-8")
    report.fill(page, REPORT)
    report.fill(page, REPORT)
    text = page.read_text(encoding="utf-8")
    assert "old" not in text and text.count(report.table(REPORT)) == 1
    assert text.startswith("before\n") and text.endswith("\nafter\n")


def test_list_and_mistakes(capsys):
    assert main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [row.key for row in rows.select([])] + ["startup"]
    for wrong in (["nothing"], ["--repeats", "1"]):
        with pytest.raises(SystemExit) as stop:
            main(wrong)
        assert stop.value.code == 2


def test_a_row_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.floor.measure", lambda: REPORT["rates"])
    assert main(["op_overhead/forward", "--no-peer", "--repeats", "2", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"]["op_overhead/forward"]
    assert result["results"]["minigen"]["repeats"] == 2
    assert result["results"]["minigen"]["median"] > 0
    assert result["results"]["minigen"]["peak_bytes"] > 1e6


def test_a_side_that_fails_says_why(monkeypatch):
    row = rows.Row("none", "", "none")
    result = runner.measure(row, (), 2)  # the worker knows no such row
    assert "error" in result["minigen"]
    monkeypatch.setattr(runner, "LIMIT", 0.01)
    result = runner.measure(next(row for row in rows.ROWS if row.key == "vae"), (), 2)
    assert result["minigen"]["error"].startswith("not done after")
