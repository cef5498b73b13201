"""Reports to send: one file that asks for nothing, is read by all, and is what was measured."""

import base64
import hashlib
import http.server
import json
import math
import re
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import CHROMIUM, PHONE, WIDE, Browser
from terminal import contents, refuses, rows, run

from bridges import load_run, run_study, write_report
from bridges.study import html
from bridges.study.files import is_report

WORDS = "--data random --size 30 --model hebb,flow --trials 8 --samples 2 --jobs 1 --quiet"
EVIL = "<script>document.title='run'</script>\u202e&<b id=x>$5$"
VOID = {"meta", "br", "img", "hr"}


class Parsed(HTMLParser):
    """A page: its elements with their attributes, the cells of its tables, its words."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.tables, self.words, self.script = [], [], [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append(["", dict(attrs).get("data-value")])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.script += data
        elif "style" not in self.open:
            self.words.append(data)
            if self.open[-1:] in (["td"], ["th"]):
                self.tables[-1][-1][-1][0] += data

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def parsed(file="run/report.html"):
    return Parsed(Path(file).read_text("utf-8"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "run"
    run("bridges retrieve", WORDS, f"--patterns 4 --overlaps 0.2,0.6,1 --out {folder}")
    text = run(f"bridges show {folder} --html")
    assert text.endswith(f"a report to send: {folder / 'report.html'}\n")
    return folder


@pytest.fixture
def cued(finished, elsewhere):
    """A finished run of a verb in `run`, with its report."""
    shutil.copytree(finished, "run")


def measure(point, seed):
    return [
        {"quantity": f"value {EVIL}", "value": point["x"] ** 2 + seed % 3, "kind": k}
        for k in ("one", EVIL)
    ]


def study(out="mine", points=3, **settings):
    settings = {"samples": 3, "parameters": {"note": EVIL}, "command": f"run {EVIL}"} | settings
    return run_study(
        f"mine {EVIL}", measure, [{"x": x} for x in range(points)], out=out, **settings
    )


# ── the file ──────────────────────────────────────────────────────────────────────────────


def test_a_report_has_all_that_was_found(cued):
    page = parsed()
    words = " ".join("".join(page.words).split())
    config = json.loads(contents()["config.json"])
    for said in ("half of the cues", "Hebb", config["command"], "s.e. between 2 pattern sets"):
        assert said in words
    for name, version in config["versions"].items():
        assert f"{name}{version}" in words.replace(" ", "")
    measured = page.tables[-3]
    assert [cell for cell, _ in measured[0]][-2:] == ["value", "n"]
    found = rows()
    assert [float(row[-2][1]) for row in measured[1:]] == [float(row["value"]) for row in found]
    assert [row[-1][0] for row in measured[1:]] == [row["n"] for row in found]
    shown = {name: value for (name, _), (value, _) in page.tables[-2]}
    assert (shown["size"], shown["samples"], shown["data"]) == ("30", "2", "random")


def test_words_of_a_figure_are_text_and_its_names_are_its_own(cued):
    page = parsed()
    figures = [one for one in page.of("svg") if one.get("class") in ("wide", "narrow")]
    assert len(figures) == 2
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(set(ids)) == len(ids) > 50
    used = {one["xlink:href"][1:] for one in page.of("use")}
    clips = {m for _, one in page.elements for m in re.findall(r"url\(#(.*?)\)", str(one))}
    assert used
    assert clips
    assert used | clips <= set(ids)
    assert " ".join("".join(page.words).split()).count("probability of retrieval") >= 2


def test_the_same_run_is_the_same_file(cued):
    other = write_report(load_run("run"), "other.html")
    assert other.read_bytes() == contents()["report.html"]


def test_nothing_outside_is_named_and_one_script_may_run(cued):
    page = parsed()
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action", "srcset", "data", "style"):
            value = attributes.get(name) or ""
            assert "//" not in value or value.startswith("data:")
            assert not re.match(r"[a-z]+:", value) or name == "style" or value.startswith("data:")
    assert not {tag for tag, _ in page.elements} & {"link", "iframe", "object", "embed", "base"}
    (policy,) = (m["content"] for m in page.of("meta") if "http-equiv" in m)
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert len(page.of("script")) == 1
    assert not any(name.startswith("on") for _, one in page.elements for name in one)


def test_names_are_shown_not_run():
    study()
    run("bridges show mine --html --quiet")
    page = parsed("mine/report.html")
    assert len(page.of("script")) == 1
    assert not any(one.get("id") == "x" for _, one in page.elements)
    words = "".join(page.words)
    shown = EVIL.replace("\u202e", r"\u202e")
    for of in ("mine ", "value ", "run "):
        assert of + shown in words
    assert "\u202e" not in Path("mine/report.html").read_text()


def test_numbers_have_the_digits_that_their_errors_deserve():
    found = run_study("n", lambda p, s: [{"quantity": "q", "value": s % 7 * 1e4}], [{}], samples=5)
    write_report(found, "n.html")
    (row,) = found.results()
    cell, value = parsed("n.html").tables[0][1][-2]
    assert float(value) == row["value"]
    digits, error, power = re.fullmatch(r"([\d.]+)\((\d+)\)·10(.)", cell).groups()
    scale = 10 ** "⁰¹²³⁴⁵".index(power)
    unit = scale / 10 ** len(digits.partition(".")[2])
    assert float(digits) * scale == pytest.approx(row["value"], abs=unit / 2)
    assert int(error) * unit == pytest.approx(row["sem"], abs=unit / 2)
    assert len(error) <= 2


def test_of_many_rows_some_are_left_out_which_is_said(monkeypatch):
    monkeypatch.setattr(html, "_ROWS", 10)
    study(points=12)
    run("bridges show mine --html --quiet")
    page = parsed("mine/report.html")
    assert len(page.tables[0]) == 1 + 10
    assert "The first 10 of 24 rows; all are in results.csv." in "".join(page.words)
    assert len(rows("mine")) == 24


def test_of_paths_only_what_differs_is_told():
    folder = Path("a place").resolve()
    points = [{"model": f"{folder}/{k}/net.safetensors"} for k in "ab"]
    asked = {"data": f"{folder}/data.npy", f"content of {folder}/a/net.safetensors": "0123"}
    found = run_study(
        "paths", lambda p, s: [{"quantity": "q", "value": 1.0}], points, samples=1, parameters=asked
    )
    text = write_report(found, "paths.html").read_text()
    assert str(folder) not in text
    for name in ("a/net.safetensors", "b/net.safetensors", "data.npy"):
        assert name in text


def test_pictures_of_the_folder_are_part_of_the_file():
    words = "--data random --size 8 --patterns 20 --width 8 --depth 1 --steps 4 --looks 2"
    run("bridges train", words, "--draws 20 --samples 2 --jobs 1 --quiet --out run")
    Path("run/holiday.png").write_bytes(b"private")
    run("bridges show run --html --quiet --format svg")
    seen = [one["src"].partition(",")[2] for one in parsed().of("img")]
    files = [Path("run/samples.svg"), Path("run/samples-2.svg")]
    assert [base64.b64decode(one) for one in seen] == [file.read_bytes() for file in files]


def test_the_figure_of_a_study_is_part_of_its_report():
    study()
    Path("mine/figure.png").write_bytes(b"\x89PNG of the study")
    run("bridges show mine --html --quiet")
    page = parsed("mine/report.html")
    (image,) = page.of("img")
    assert base64.b64decode(image["src"].partition(",")[2]) == b"\x89PNG of the study"
    assert len([one for one in page.of("svg") if one.get("class") == "wide"]) == 1


def test_what_is_not_finished_says_so():
    study(shard=(1, 2))
    text = run("bridges show mine --html", code=1)
    assert "4 of 9 measurements are missing" in text
    page = parsed("mine/report.html")
    words = "".join(page.words)
    assert "Not finished. 4 of 9 measurements are missing" in words
    assert not page.of("svg")
    assert len(page.tables[0]) > 4


def test_only_what_is_a_report_is_replaced():
    study(points=2)
    file = Path("mine/report.html")
    file.write_text("<title>mine</title>")
    error = refuses("bridges show mine --html")
    assert "report.html is no report of a run" in error
    assert file.read_text() == "<title>mine</title>"
    run("bridges show mine --html --overwrite --quiet")
    assert is_report(file)
    run("bridges show mine --html --quiet")


@pytest.mark.parametrize("mine", [True, False])
def test_a_run_that_grows_has_no_report_of_what_it_was(mine):
    study(samples=2)
    Path("mine/report.html").write_text("mine") if mine else run("bridges show mine --html --quiet")
    study(samples=3)
    assert Path("mine/report.html").exists() == mine


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (None, "path must be given for a run that has no folder"),
        ("nowhere/report.html", "path must name a file in a folder that is there, got nowhere"),
        (".", "path must name a file in a folder that is there, got ."),
        ("taken.html", "taken.html is no report of a run; pass overwrite to replace it"),
    ],
)
def test_a_place_that_cannot_be_is_refused(path, said):
    Path("taken.html").touch()
    found = study(out=None)
    with pytest.raises(ValueError, match=re.escape(said)):
        write_report(found, path)
    with pytest.raises((TypeError, ValueError), match="study must be"):
        write_report("mine", path)


def test_json_and_quiet_stay_as_they_are():
    found = study(points=2)
    assert json.loads(run("bridges show mine --html --json")) == found.results()
    assert run("bridges show mine --html --quiet") == ""


def test_a_title_and_a_width_that_are_asked_for():
    study(points=2)
    run("bridges show mine --html --quiet --title $x_2$>1 --width 5")
    page = parsed("mine/report.html")
    assert "x2>1" in "".join(page.words)
    assert [one["class"] for one in page.of("svg") if "class" in one] == ["wide"]


# ── in a browser ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("browser"))
    yield found
    found.close()


def in_browser(test):
    """A test for which Chromium must be there."""
    missing = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is on the PATH")
    return pytest.mark.browser(missing(test))


COLUMN = """[...document.querySelectorAll("table.sortable")].at(-1).tBodies[0].rows"""
HEADS = """[...[...document.querySelectorAll("table.sortable")].at(-1).tHead.rows[0].cells]"""


def column(browser, name):
    """The column of the last sortable table: its place, and its cells from the top."""
    names = browser.value(f"{HEADS}.map(h => h.innerText.trim())")
    k = names.index(name)
    return k, browser.value(f"[...{COLUMN}].map(r => r.cells[{k}].innerText)")


@in_browser
def test_tables_sort_by_mouse_and_keyboard(cued, browser):
    browser.open("run/report.html")
    assert browser.said == []
    values = sorted(float(row["value"]) for row in rows())
    k, _ = column(browser, "value")
    data = f"[...{COLUMN}].map(r => Number(r.cells[{k}].dataset.value))"
    state = f"{HEADS}.map(h => h.getAttribute('aria-sort'))"
    first = browser.value(data)
    assert first != values
    browser.value(f"{HEADS}[{k}].querySelector('button').click()")
    assert browser.value(data) == values
    assert browser.value(state)[k] == "ascending"
    browser.value(f"{HEADS}[{k - 1}].querySelector('button').focus()")
    browser.press("Tab", "Enter")
    assert browser.value(data) == values[::-1]
    assert browser.value(state) == [None] * k + ["descending"] + [None]
    browser.press("Space")
    assert browser.value(data) == values
    k, models = column(browser, "model")
    browser.value(f"{HEADS}[{k}].querySelector('button').click()")
    assert column(browser, "model")[1] == sorted(models)


@in_browser
def test_numbers_with_errors_sort_by_their_means_and_gaps_are_last(browser):
    values = {0: 9.0, 1: 80.0, 2: -700.0, 3: math.nan, 4: 1e5}
    spread = {0: 0.1, 1: 3.0, 2: 90.0, 3: 0.0, 4: 5e3}

    def noisy(point, seed):
        return [{"quantity": "q", "value": values[point["x"]] + spread[point["x"]] * (seed % 5)}]

    found = run_study("s", noisy, [{"x": x} for x in values], samples=4, seed=0)
    write_report(found, "s.html")
    browser.open("s.html")
    k, cells = column(browser, "value")
    assert sum("(" in cell for cell in cells) == 4
    for order in ([2, 0, 1, 4, 3], [4, 1, 0, 2, 3]):
        browser.value(f"{HEADS}[{k}].querySelector('button').click()")
        assert column(browser, "x")[1] == [str(x) for x in order]


@in_browser
def test_nothing_is_asked_of_a_network(cued, browser):
    browser.open("run/report.html")
    assert browser.requests == [Path("run/report.html").resolve().as_uri()]


@in_browser
def test_the_policy_stops_what_would_ask_or_run(cued, browser):
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        evil = f'<img src="{address}/image"><link rel="stylesheet" href="{address}/style">'
        evil += "<script>document.title = 'run'</script>"
        text = Path("run/report.html").read_text()
        for name, page in {
            "kept": text,
            "gone": re.sub("<meta http-equiv[^>]*>", "", text),
        }.items():
            Path(f"{name}.html").write_text(page.replace("</main>", f"{evil}</main>"))
            browser.open(f"{name}.html")
            if name == "kept":
                assert asked == []
                assert browser.value("document.title") != "run"
        assert {"/image", "/style"} <= {*asked}  # without the policy all of it happens
        assert browser.value("document.title") == "run"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE, (320, 600)])
def test_it_is_read_on_a_desk_and_on_a_telephone(cued, browser, size, scheme):
    browser.open("run/report.html", size, prefers_color_scheme=scheme)
    assert browser.value("document.documentElement.scrollWidth") <= size[0]
    browser.value("window.scrollTo(1000, 0)")
    assert browser.value("window.scrollX") == 0
    shown = """[...document.querySelectorAll(".drawn > svg")].filter(
        s => s.getBoundingClientRect().width > 0)"""
    assert browser.value(f"{shown}.map(s => s.classList[0])") == (
        ["wide"] if size == WIDE else ["narrow"]
    )
    high = browser.value(
        f"{shown}.flatMap(s => [...s.querySelectorAll('text')]).map("
        "t => t.getBoundingClientRect()).map(r => Math.min(r.width, r.height))"
    )
    assert sorted(high)[len(high) // 2] >= 9  # pixels of a number at an axis
    for what in ("body", ".lead", ".note", "td", "thead th", "pre", "footer"):
        assert contrast(browser, what) >= 4.5, what  # WCAG 2.2, level AA


def contrast(browser, what):
    """Contrast of the words of an element with what is behind them."""
    script = f"""(() => {{
        let one = document.querySelector("{what}"), ink = getComputedStyle(one).color, back;
        for (; one; one = one.parentElement) {{
            back = getComputedStyle(one).backgroundColor;
            if (back !== "rgba(0, 0, 0, 0)") break;
        }}
        return [ink, back];
    }})()"""

    def luminance(colour):
        parts = [int(one) / 255 for one in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, browser.value(script)))
    return (high + 0.05) / (low + 0.05)


@in_browser
def test_a_figure_is_drawn_alike_alone_and_in_the_page(cued, browser):
    """Nothing that it uses is lost by its new names: each marker and clip has its size."""
    browser.open("run/report.html")
    sizes = """[...document.querySelectorAll(".drawn > svg.wide use")].map(
        u => u.getBoundingClientRect()).filter(r => r.width > 0 || r.height > 0).length"""
    assert browser.value(sizes) == browser.value(
        """document.querySelectorAll(".drawn > svg.wide use").length"""
    )
