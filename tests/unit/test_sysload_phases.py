"""How the pressure moves: by a load shape's profile, or by the rows of a file; what cannot be is refused."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import SettingsError
from lakestorm.load.shape_files import load_shape, shape_files
from lakestorm.model.named_profiles import NAMED_PROFILES
from lakestorm.settings import Settings
from sysload.limits import Limits
from sysload.phases import Shaped
from sysload.planning import plan_of, rows_from_csv
from sysload.second import Targets

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = Limits(2, 2, "the CPUs it may run on", 4_000_000_000, "the machine's memory", has_memory_limit=False)
MOST = Targets(80, 1000, 40)
HEADER = "second,cpu,memory,disk"


def rows(*lines: str, header: str = HEADER) -> list[tuple[float, str, Targets]]:
    """(second, phase, targets) of the lines of a file."""
    plan = rows_from_csv([header, *lines], "phases.csv", LIMITS)
    return [(second, phase.name, phase.targets) for second, phase in plan.rows]


def test_named_profiles_are_those_of_the_shapes() -> None:
    """Each name is a load shape's, with the very profile of the shape; only recordings have none."""
    shapes = {name: load_shape(file) for name, file in shape_files().items() if name != "replay"}
    assert {name: shape.profile for name, shape in shapes.items()} == NAMED_PROFILES


@pytest.mark.parametrize(
    ("name", "elapsed", "phase", "part"),
    [
        ("steady", 0, "steady", 1.0),
        ("steady", 1e6, "steady", 1.0),
        ("steps", 0, "steps 1 of 5", 0.2),
        ("steps", 50, "steps 3 of 5", 0.6),
        ("steps", 100, "steps 1 of 5", 0.2),  # begins anew
        ("ramp", 40, "ramp", 0.5),
        ("flash_sale_spike", 30, "flash_sale_spike 2 of 3", 1.0),
    ],
)
def test_a_shape_by_name(name: str, elapsed: float, phase: str, part: float) -> None:
    """All targets follow the profile; the phase names the stage where there are stages."""
    found = Shaped(name, NAMED_PROFILES[name], MOST, 100).at(elapsed)
    assert found.name == phase
    assert dataclasses.astuple(found.targets) == pytest.approx((80 * part, 1000 * part, 40 * part))


@given(name=st.sampled_from(sorted(NAMED_PROFILES)), elapsed=st.floats(0, 1e9))
def test_a_shape_never_passes_its_peak(name: str, elapsed: float) -> None:
    """Whenever it is asked, a target is between nothing and the peak."""
    found = Shaped(name, NAMED_PROFILES[name], MOST, 600).at(elapsed).targets
    assert 0 <= found.cpu_percent <= 80
    assert 0 <= found.memory_mb <= 1000
    assert 0 <= found.disk_mbps <= 40


def test_rows_of_a_file() -> None:
    """Numbers, a share of memory, blanks, empty lines, and a column of names."""
    assert rows("0,10,0,0", "", " 60 , 50.5, 10% , 2 ") == [
        (0, "row 1", Targets(10, 0, 0)),
        (60, "row 2", Targets(50.5, 400, 2)),
    ]
    assert rows("0,1,2,3,calm", header=f"{HEADER},phase") == [(0, "calm", Targets(1, 2, 3))]


def test_rows_are_held() -> None:
    """Each row holds until the next begins, the last for good; the peak is the most of each column."""
    plan = rows_from_csv([HEADER, "0,10,300,0", "60,50,0,2"], "phases.csv", LIMITS)
    assert [plan.at(at).name for at in (0, 59.9, 60, 1e9)] == ["row 1", "row 1", "row 2", "row 2"]
    assert plan.peak() == Targets(50, 300, 2)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], 'line 1: "x"; the header second,cpu,memory,disk is wanted'),
        (["0,1"], 'line 2: "0,1"; 4 values are wanted'),
        (["0,101,0,0"], "line 2"),
        (["0,-1,0,0"], "line 2"),
        (["0,nan,0,0"], "line 2"),
        (["0,1,lots,0"], "line 2"),
        (["0,1,101%,0"], "line 2"),
        (["0,1,1,inf"], "line 2"),
        (["0,1,1,"], "line 2"),
        (["5,1,1,1"], "line 2: second is 5; the first is 0"),
        (["0,1,1,1", "60,1,1,1", "60,1,1,1"], "line 4: second is 60"),
    ],
)
def test_rows_that_are_refused(lines: list[str], words: str) -> None:
    """A wrong line is told with its number and what is wanted."""
    with pytest.raises(SettingsError) as caught:
        rows_from_csv([HEADER if lines else "x", *lines], "SYSLOAD_PHASES, phases.csv", LIMITS)
    assert caught.value.problems[0].startswith(f"SYSLOAD_PHASES, phases.csv, {words}")


def test_an_empty_file_is_refused() -> None:
    """A header alone is no plan."""
    with pytest.raises(SettingsError, match="at least one row"):
        rows_from_csv([HEADER], "phases.csv", LIMITS)


def test_a_file_of_another_kind_does_not_flood() -> None:
    """Of a thousand wrong lines ten are told."""
    with pytest.raises(SettingsError) as caught:
        rows_from_csv([HEADER, *["?"] * 1000], "phases.csv", LIMITS)
    assert len(caught.value.problems) == 10


@pytest.mark.usefixtures("no_settings")
class TestSettings:
    """What the settings ask for."""

    def test_a_duration_stretches_a_shape(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With `--duration` a shape lasts as long, else SYSLOAD_PHASES_S."""
        monkeypatch.setenv("SYSLOAD_PHASES", "ramp")
        monkeypatch.setenv("SYSLOAD_CPU_PERCENT", "80")
        settings = Settings.load().sysload
        assert plan_of(settings, LIMITS, 100).at(40).targets.cpu_percent == pytest.approx(40)
        assert plan_of(settings, LIMITS, None).at(240).targets.cpu_percent == pytest.approx(40)

    def test_a_share_of_memory_is_of_the_container(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`10%` is a tenth of what the container may use."""
        monkeypatch.setenv("SYSLOAD_MEMORY_MB", "10%")
        assert plan_of(Settings.load().sysload, LIMITS, None).peak().memory_mb == pytest.approx(400)

    @pytest.mark.parametrize("amount", ["10000000", "3873", "100%", "97%"])
    def test_more_memory_than_there_is(self, monkeypatch: pytest.MonkeyPatch, amount: str) -> None:
        """What would pass the limit less the reserve is refused before anything is taken."""
        monkeypatch.setenv("SYSLOAD_MEMORY_MB", amount)
        with pytest.raises(SettingsError) as caught:
            plan_of(Settings.load().sysload, LIMITS, None)
        (problem,) = caught.value.problems
        assert problem.startswith(f'SYSLOAD_MEMORY_MB is "{amount}": at most 3872 MB are allowed')
        assert "the machine's memory is 4000 MB and SYSLOAD_MEMORY_RESERVE_MB keeps 128" in problem

    def test_as_much_as_there_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """All but the reserve may be asked for."""
        monkeypatch.setenv("SYSLOAD_MEMORY_MB", "3872")
        assert plan_of(Settings.load().sysload, LIMITS, None).peak().memory_mb == 3872

    def test_a_file_may_not_ask_for_more_either(self, monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
        """The most of all rows is what counts."""
        (no_settings / "phases.csv").write_text(f"{HEADER}\n0,1,1,1\n9,1,5000,1\n")
        monkeypatch.setenv("SYSLOAD_PHASES", "phases.csv")
        with pytest.raises(SettingsError, match=r"phases.csv is asking for 5000 MB of memory: at most 3872 MB"):
            plan_of(Settings.load().sysload, LIMITS, None)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("nowhere.csv", "No such file or directory"),
            ("wave", "Did you mean waves?"),
            (".", "Is a directory"),
            ("latin.csv", "UTF-8"),
        ],
    )
    def test_phases_that_cannot_be_read(
        self, monkeypatch: pytest.MonkeyPatch, no_settings: Path, name: str, words: str
    ) -> None:
        """Neither a shape nor a file that can be read: said in one sentence with what there is."""
        (no_settings / "latin.csv").write_bytes(b"\xff\xfe")
        monkeypatch.setenv("SYSLOAD_PHASES", name)
        with pytest.raises(SettingsError) as caught:
            plan_of(Settings.load().sysload, LIMITS, None)
        (problem,) = caught.value.problems
        assert problem.startswith(f'SYSLOAD_PHASES is "{name}": one of black_friday, ')
        assert words in problem

    @pytest.mark.parametrize("text", ["lots", "-1", "1e3", "101%", "%", "", "nan", "99999999999999999999", "10 MB"])
    def test_amounts_of_memory_that_are_refused(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        """Neither megabytes nor a share: one sentence with what is wanted."""
        monkeypatch.setenv("SYSLOAD_MEMORY_MB", text)
        with pytest.raises(SettingsError) as caught:
            Settings.load()
        (problem,) = caught.value.problems
        assert problem.startswith(f'SYSLOAD_MEMORY_MB is "{text}": text (megabytes as 300, or a share')
