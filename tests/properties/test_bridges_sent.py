"""What holds for every report to send."""

import tempfile
from html import escape
from pathlib import Path

from drawn import fewer, seeds
from hypothesis import given, strategies as st

from bridges import run_study, write_report
from bridges.study.files import printable

names = st.text(min_size=1, max_size=9)


@fewer  # each draws two figures
@given(st.lists(names, min_size=2, max_size=4, unique=True), seeds)
def test_it_has_every_name_and_value_whatever_they_are(names, seed):
    def measured(point, seed):
        return [{"quantity": name, "value": k - 1.5} for k, name in enumerate(names)]

    study = run_study(f"s {names[0]}", measured, [{"x": names[-1]}], samples=2, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        text = write_report(study, Path(folder) / "r.html").read_bytes().decode()
    assert text.count("<script") == text.count("</script") == 1
    for k, name in enumerate(names):
        assert f"{escape(printable(name))}</td>" in text
        assert f'data-value="{k - 1.5}"' in text
