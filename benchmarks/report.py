"""Results as JSON, as a Markdown table and as a chart."""

import json
import os
import platform
from pathlib import Path

NAMES = {"minigen": "minigen", "eager": "PyTorch", "default": "PyTorch, default Adam", "compile": "torch.compile",
         "plain": "PyTorch, plain loop"}
PEERS = {"sklearn": "scikit-learn", "numpy": "NumPy"}  # where the peer is not PyTorch


def machine() -> dict:
    """What the times depend on: processor, cores, memory, operating system, Python."""
    cpu, memory = platform.processor() or platform.machine(), None
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = dict(line.split("\t:", 1) for line in reversed(info.read_text().splitlines()) if "\t:" in line)
        fields = {name.strip(): value.strip() for name, value in lines.items()}
        cpu = fields.get("model name", cpu)
        if "cpu family" in fields:
            cpu += f" (family {fields['cpu family']}, model {fields['model']})"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": cpu, "cores": cores, "memory_gib": memory, "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version()}


def least(row, rates) -> float:
    """The least seconds that the operations and bytes of a row take at these rates."""
    return row.get("flops", 0) / rates["flops"] + row.get("bytes", 0) / rates["bandwidth"]


def ratio(results, variant):
    """The peer's time over minigen's; None where one of them is missing."""
    ours, theirs = results.get("minigen", {}), results.get(variant, {})
    return theirs["median"] / ours["median"] if "median" in ours and "median" in theirs else None


def disturbed(results, variant) -> bool:
    """Whether the median of a side is far from its best time: something else was running."""
    sides = [results[name] for name in ("minigen", variant) if "best" in results.get(name, {})]
    return any(side["median"] > 1.5 * side["best"] for side in sides)


def table(report) -> str:
    """The Markdown table of a report."""
    about, rates = report["machine"], report["rates"]
    lines = [
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, {about['system']}, Python "
        f"{about['python']}; {_versions(report)}. Measured rates: matrix products "
        f"{rates['flops'] / 1e9:.0f} GFLOP/s, copies {rates['bandwidth'] / 1e9:.0f} GB/s.",
        "",
        "| row | step | minigen | PyTorch | ratio | default Adam | compiled | plain loop | floor | memory |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    notes = []
    for key, row in report["rows"].items():
        results, unit, per = row["results"], row["unit"], row.get("per", 1)
        other = f" ({PEERS[row['peer']]})" if row.get("peer") in PEERS else ""
        times = [_quantity(results.get(name, {}).get("median"), unit, per) for name in ("minigen", "eager")]
        variants = ("eager", "default", "compile", "plain")
        ratios = [_ratio(results, row.get("goals", {}), variant) for variant in variants]
        share = least(row, rates)
        share = f"{share / results['minigen']['median']:.2f}" if share and "median" in results["minigen"] else ""
        peaks = [results.get(name, {}).get("peak_bytes") for name in ("minigen", "eager")]
        memory = " / ".join("–" if peak is None else f"{peak / 1e6:.0f}" for peak in peaks) if any(peaks) else ""
        cells = [row["step"], times[0], times[1] + other, *ratios, share, memory]
        lines.append(f"| `{key}` | {' | '.join(cells)} |")
        names = {**NAMES, "eager": PEERS.get(row.get("peer"), NAMES["eager"])}
        notes += [f"- `{key}`, {names[name]}: {result['error']}"
                  for name, result in results.items() if "error" in result]
        notes += [f"- `{key}`, {names[name]}: extrapolated from {result['share']:.2%} of its passes, which take the "
                  "same time each" for name, result in results.items() if result.get("share", 1) < 1]
    lines += ["", "Ratios are PyTorch's time, or that of the peer named with it, over minigen's, above 1 where minigen "
              "is faster, the goal in brackets where there is one; sampling is compared with PyTorch's loop that keeps "
              "what it has computed, and with the plain loop that runs the whole network for each step; floor is the "
              "least time over minigen's; memory is the peak of each process, minigen's and the peer's, in MB. A ratio "
              "marked ~ was disturbed: a median was above 1.5 times the best."]
    return "\n".join([*lines, *([""] + notes if notes else [])]) + "\n"


def _ratio(results, goals, variant):
    value = ratio(results, variant)
    if value is None:
        return ""
    goal = f" ({goals[variant]})" if variant in goals else ""
    return f"{'~' if disturbed(results, variant) else ''}{value:.2f}{goal}"


def _quantity(value, unit, per):
    if value is None:
        return "–"
    if unit != "ms":
        return f"{_digits(value)} {unit}"
    return f"{_digits(value * 1e3)} ms" if per == 1 else f"{value / per * 1e6:.2f} µs an op"


def _digits(value):
    """Three digits that count."""
    return f"{value:.3g}" if value < 999.5 else f"{float(f'{value:.3g}'):,.0f}"


def _versions(report):
    versions = {}
    for row in report["rows"].values():
        for result in row["results"].values():
            versions.update(result.get("versions", {}))
            if "threads" in result:
                versions["threads"] = result["threads"]
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def chart(report, path):
    """Bars of the ratios on a logarithmic axis, PyTorch's other variants as marks."""
    from matplotlib.figure import Figure

    rows = [(key, row) for key, row in report["rows"].items() if ratio(row["results"], "eager") and row["unit"] != "MB"]
    if not rows:
        return
    figure = Figure(figsize=(8, 1.6 + 0.27 * len(rows)), layout="constrained")
    marks = {"default": ("D", "#7a5195"), "compile": ("^", "#bc5090"), "plain": ("s", "#ffa600")}
    axes = figure.add_subplot()
    for height, (_, row) in enumerate(rows):
        value = ratio(row["results"], "eager")
        axes.barh(height, value - 1, left=1, height=0.62, color="#2a788e" if value >= 1 else "#d95f30",
                  alpha=0.3 if disturbed(row["results"], "eager") else 1)
        axes.annotate(_ratio(row["results"], {}, "eager"), (1.01, height), xycoords=("axes fraction", "data"),
                      va="center", fontsize=8)
        for variant, (mark, colour) in marks.items():
            other = ratio(row["results"], variant)
            if other and not disturbed(row["results"], variant):
                axes.plot(other, height, mark, color=colour, ms=5, zorder=3)
        goal = row.get("goals", {}).get("eager")
        if goal:
            axes.plot([goal, goal], [height - 0.42, height + 0.42], color="black", lw=1.4, zorder=3)
    for variant, (mark, colour) in marks.items():
        if any(ratio(row["results"], variant) for _, row in rows):
            axes.plot([], [], mark, color=colour, ms=5, label=f"against {NAMES[variant]}")
    axes.plot([], [], color="black", lw=1.4, label="goal")
    if any(disturbed(row["results"], "eager") for _, row in rows):
        axes.barh([0], [0], color="#2a788e", alpha=0.3, label="disturbed by other work")
    axes.set_xscale("log", base=2)
    values = [ratio(row["results"], variant) or 1 for _, row in rows for variant in ("eager", *marks)]
    axes.set_xlim(min(0.6, min(values) / 1.5), max(values) * 1.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_yticks(range(len(rows)), [key for key, _ in rows], family="monospace", fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(1, color="black", lw=0.8)
    axes.grid(axis="x", color="0.88")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("PyTorch's time / minigen's time (right of 1: minigen is faster)")
    axes.set_title(f"minigen beside PyTorch eager with fused Adam, {report['machine']['cores']} cores", fontsize=10)
    figure.legend(frameon=False, fontsize=8, loc="outside lower right", ncols=3)
    figure.savefig(path, dpi=160)


def write(report, folder) -> None:
    """results.json, table.md and chart.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "table.md").write_text(table(report), encoding="utf-8")
    chart(report, folder / "chart.png")


def read(folder) -> dict:
    """An earlier report on this machine, to which new rows are added; an empty one where there is none."""
    path = folder / "results.json"
    report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return report if report.get("machine") == machine() else {"machine": machine(), "rates": {}, "rows": {}}


def fill(page, report) -> None:
    """Put the table between the marks of a Markdown page."""
    start, end = "<!-- table -->\n", "<!-- end of table -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    page.write_text(f"{before}{start}\n{table(report)}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
