"""One argument of a call replaced at a time, and what came of it."""

import contextlib
import re
import signal
import warnings
from collections import Counter
from dataclasses import dataclass, fields, is_dataclass

import numpy as np
import torch
from torch import Tensor
from values import RANGE, fresh, refused, same_meaning

SECONDS = 20
ROUNDED = ("half", "bfloat16", "sparse")  # may be refused, and give other digits
ALLOWED = re.compile(r"must|need|got|allowed|between|at most|at least|no (more|fewer)|leads out")


@dataclass(frozen=True)
class Outcome:
    call: str
    argument: str
    value: str
    verdict: str  # "clear", "unnamed", "inside", "accepted", "fine", "differs", "slow"
    message: str = ""

    def __str__(self):
        return f"{self.verdict:8} {self.call}({self.argument}={self.value}): {self.message[:160]}"


class TooSlow(BaseException):
    pass


@contextlib.contextmanager
def limit(seconds):
    def stop(*_):
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome_of(function, given, argument, value):
    """(verdict, message or what was returned) of one call."""
    changed = {**given, argument: fresh(value)}
    try:
        with limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error")
            return "returned", function(**changed)
    except TooSlow:
        return "slow", f"more than {SECONDS} s"
    except (ValueError, TypeError) as error:
        text = str(error)
        named = re.search(rf"\b{re.escape(argument)}\b", text)
        if named and ALLOWED.search(text) and "\n" not in text:
            return "clear", text
        inside = isinstance(error, TypeError) or type(error) is not ValueError
        return ("inside" if inside else "unnamed"), f"{type(error).__name__}: {text}"
    except Exception as error:
        return "inside", f"{type(error).__name__}: {error}"


def bad(name, function, given, chosen=lambda *_: True):
    """Outcomes of what the call must refuse, or may, one argument at a time."""
    for argument, value in given.items():
        never = refused(function, argument, value)
        for label, wrong in {**never, **RANGE}.items():
            if not chosen(name, argument, label):
                continue
            verdict, message = outcome_of(function, given, argument, wrong)
            if verdict == "returned":
                verdict, message = ("accepted" if label in never else "fine"), ""
            yield Outcome(name, argument, label, verdict, message)


def good(name, function, given, chosen=lambda *_: True):
    """Outcomes of what means the same in another type."""
    usual = None
    for argument, value in given.items():
        for label, same in same_meaning(value).items():
            if not chosen(name, argument, label):
                continue
            if usual is None:
                usual = numbers_of(function(**given))
            verdict, message = outcome_of(function, given, argument, same)
            if verdict == "returned":
                alike = any(one in label for one in ROUNDED) or close(numbers_of(message), usual)
                verdict, message = ("fine" if alike else "differs"), ""
            elif verdict == "clear" and not any(one in label for one in ROUNDED):
                verdict = "refused"
            yield Outcome(name, argument, label, verdict, message)


def numbers_of(found):
    """All numbers of a result, in one row of a fixed order."""
    if isinstance(found, Tensor):
        plain = found.detach().cpu().to_dense()
        plain = torch.view_as_real(plain) if plain.is_complex() else plain
        return plain.double().reshape(-1).numpy()
    if isinstance(found, np.ndarray | float | int | complex):
        array = np.atleast_1d(np.asarray(found))
        if array.dtype.kind == "c":
            array = np.concatenate([array.real, array.imag])
        return array.astype(float).reshape(-1) if array.dtype.kind in "fiub" else np.zeros(0)
    if isinstance(found, dict):
        found = list(found.values())
    elif is_dataclass(found) and not isinstance(found, type):
        found = [getattr(found, one.name) for one in fields(found)]
    if isinstance(found, list | tuple):
        parts = [numbers_of(one) for one in found]
        return np.concatenate(parts) if parts else np.zeros(0)
    return np.zeros(0)


def close(a, b):
    # 1e-3: single precision at an edge of 1e-4 and its powers
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True)


def counts(outcomes):
    return Counter(one.verdict for one in outcomes)
