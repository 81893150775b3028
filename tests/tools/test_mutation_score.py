"""The mutation score: which faults are tried, and how their fate is found."""

import subprocess
import sys
from pathlib import Path

import pytest

from tf_slr.core.errors import DataError

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def tools():
    """The modules `mutants` and `mutation`."""
    sys.path.insert(0, str(TOOLS))
    try:
        import mutants
        import mutation

        yield mutants, mutation
    finally:
        sys.path.remove(str(TOOLS))


SOURCE = '''"""Adds 1 + 1."""
import dataclasses

LIMIT: int = 10


@dataclasses.dataclass(frozen=True)
class Sum:
    most: int = 3


def clipped(values, *, least=0):
    """At most LIMIT < 11."""
    total = sum(values) + -least
    if not values or total < least:
        raise ValueError(f"{total + 1} is " + "less")
    return min(total, LIMIT, key=abs)
'''


def test_every_small_fault_is_one_mutant(tools):
    mutants, _ = tools
    found = mutants.mutants_of(SOURCE)
    changes = {mutant.key for mutant in found}
    assert changes == {
        "module: LIMIT: int = 10 => LIMIT: int = 11", "module: LIMIT: int = 10 => LIMIT: int = 9",
        "Sum: most: int = 3 => most: int = 4", "Sum: most: int = 3 => most: int = 2",
        "clipped: def clipped(values, *, least=0): => def clipped(values, *, least=1):",
        "clipped: def clipped(values, *, least=0): => def clipped(values, *, least=(-1)):",
        "clipped: total = sum(values) + -least => total = sum(values) - -least",
        "clipped: total = sum(values) + -least => total = sum(values) + least",
        "clipped: if not values or total < least: => if values or total < least:",
        "clipped: if not values or total < least: => if not values and total < least:",
        "clipped: if not values or total < least: => if not values or total <= least:",
        'clipped: raise ValueError(f"{total + 1} is " + "less") => pass',
        "clipped: return min(total, LIMIT, key=abs) => return None",
        "clipped: return min(total, LIMIT, key=abs) => return min(total, LIMIT)",
    }  # fmt: skip
    assert [mutant.line for mutant in found] == sorted(mutant.line for mutant in found)
    for mutant in found:
        compile(mutant.source, "x.py", "exec")
        changed = [
            i for i, (a, b) in enumerate(zip(SOURCE.split("\n"), mutant.source.split("\n"), strict=True)) if a != b
        ]
        assert [i + 1 for i in changed] == [mutant.line]


def test_the_same_change_twice_in_a_line_has_two_names(tools):
    keys = [mutant.key for mutant in tools[0].mutants_of("pairs = [(1, 2), (1, 2)]\n")]
    assert len(set(keys)) == len(keys) == 8


@pytest.fixture
def project(tmp_path):
    """A checkout with a module whose tests leave one of its bounds open."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/equivalent_mutants.toml").write_text(
        "[['sign.py']]\nmutant = 'sign: return 1 if x > 0 else -1 => return 1 if x >= 0 else -1'\nreason = 'no zeros'\n"
    )
    (tmp_path / "sign.py").write_text("def sign(x):\n    return 1 if x > 0 else -1\n")
    (tmp_path / "test_sign.py").write_text(
        "from sign import sign\n\n\ndef test():\n    assert sign(5) == 1 > sign(-5)\n"
    )
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


@pytest.mark.slow
def test_what_no_test_finds_survives(tools, project, capsys):
    _, mutation = tools
    out = project / "out.json"
    first = mutation.Run(out, project, 0, 0).measure("sign.py", ("test_sign.py",), survivors=False)
    assert (first["killed"], first["survived"], first["equivalent"]) == (4, 4, 1)
    assert first["score"] == pytest.approx(4 / 8)
    survived = capsys.readouterr().out.splitlines()
    assert len(survived) == 4
    assert all(line.startswith("sign.py:2: survived: sign: return 1 if x > 0") for line in survived)
    assert "| `sign.py` | 9 | 9 | 1 | 4 | 4 | 50.0 % |" in mutation.table({"sign.py": first})
    assert (project / "sign.py").read_text().count("x > 0") == 1  # the checkout itself is left alone
    # Nothing has changed: nothing is run.
    again = mutation.Run(out, project, 0, 0).measure("sign.py", ("test_sign.py",), survivors=False)
    assert again == first
    with (project / "test_sign.py").open("a") as tests:
        tests.write("    assert (sign(1), sign(0.5), sign(-0.5), sign(-5)) == (1, 1, -1, -1)\n")
    later = mutation.Run(out, project, 0, 0).measure("sign.py", ("test_sign.py",), survivors=True)
    assert (later["killed"], later["survived"]) == (8, 0)


@pytest.mark.slow
def test_tests_that_fail_without_a_fault_tell_nothing(tools, project):
    _, mutation = tools
    (project / "test_sign.py").write_text("def test():\n    assert False\n")
    with pytest.raises(DataError, match="its tests fail without any fault"):
        mutation.Run(project / "out.json", project, 0, 0).measure("sign.py", ("test_sign.py",), survivors=False)


def test_an_equivalent_that_is_no_mutant_any_more_is_named(tools, project):
    _, mutation = tools
    (project / "sign.py").write_text("def sign(x):\n    return 1\n")
    with pytest.raises(DataError, match="has no such mutant any more: sign: return 1 if x > 0"):
        mutation.Run(project / "out.json", project, 0, 0).measure("sign.py", ("test_sign.py",), survivors=False)


def test_a_sample_is_the_same_for_the_same_seed(tools):
    mutants, mutation = tools
    found = mutants.mutants_of(SOURCE)
    drawn = [mutation.chosen(found, 5, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert [mutant.line for mutant in drawn[0]] == sorted(mutant.line for mutant in drawn[0])
    assert mutation.chosen(found, 0, 0) == mutation.chosen(found, 99, 0) == found
