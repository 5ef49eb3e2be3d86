"""How well a surge is told: NAB scores of real tweet volumes, and false alarms and delays of simulated clinics.

    python benchmarks/surge.py [--nab DIR] [--quick] [--seed N]

DIR holds the Twitter_volume_*.csv files of the Numenta Anomaly Benchmark and their windows as windows.json; without it that
part is left out. The score is Numenta's, by the rules of their repository (nab/sweeper.py, standard profile), written anew:
the earliest detection in a window earns up to 1 by its place on a sigmoid, a missed window costs 1, a detection outside
0.11, less shortly after a window; the first 15 % (of at most 5,000 rows) do not count; 0 is a detector that says nothing, 100
one that marks the first row of each window. A detection is what the daemon would do: the row at which a surge is raised.
"""

from __future__ import annotations

import csv
import json
import math
import random
from argparse import Namespace
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

from measure import machine, options, table

from monitor import surge
from monitor.surge import DAY, HOUR, LEVELS, PAST, Mood, Reading, Sensitivity, Series, Turn

ROW = timedelta(minutes=5)
GRID = tuple(step / 4 for step in range(8, 41))
"""Levels to choose from where the level is learned from the other series."""


class Row(NamedTuple):
    """A row of a series, and what the daemon would see at its end."""

    at: datetime
    reading: Reading


@dataclass(frozen=True)
class Volume:
    """A NAB series as read, with the rows at which its windows begin and end."""

    name: str
    rows: Sequence[Row]
    windows: Sequence[tuple[int, int]]

    def score(self, level: float) -> Score:
        return scored(len(self.rows), self.windows, detections(self.rows, level))


class Score(NamedTuple):
    """NAB's raw score, what the windows earned (-1: missed), and how many detections lay outside."""

    raw: float
    earned: Sequence[float]
    false: int

    @property
    def normalised(self) -> float:
        return normalised([self])


def normalised(scores: Sequence[Score]) -> float:
    """0 for no detections at all, 100 for perfect ones."""
    windows = sum(len(one.earned) for one in scores)
    return 100 * (sum(one.raw for one in scores) + windows) / (2 * windows)


def scored(rows: int, windows: Sequence[tuple[int, int]], found: Sequence[int]) -> Score:
    """NAB's standard profile: true positive 1, false negative 1, false positive 0.11."""
    probation = min(math.floor(0.15 * rows), 0.15 * 5000)
    earned = dict.fromkeys(windows, -1.0)
    lost, false = 0.0, 0
    for at in found:
        if at < probation:
            continue
        around = next(((begin, end) for begin, end in windows if begin <= at <= end), None)
        if around:
            begin, end = around
            place = -(end - at + 1) / (end - begin + 1)
            earned[around] = max(earned[around], _sigmoid(place) / _sigmoid(-1.0))
        else:
            before = [(begin, end) for begin, end in windows if end < at]
            place = (at - before[-1][1]) / (before[-1][1] - before[-1][0]) if before else 3.0
            lost += 0.11 * _sigmoid(place)
            false += 1
    return Score(sum(earned.values()) + lost, list(earned.values()), false)


def _sigmoid(place: float) -> float:
    return -1.0 if place >= 3 else 2 / (1 + math.exp(5 * place)) - 1


def detections(rows: Sequence[Row], level: float) -> list[int]:
    """The rows at which the daemon would have raised a surge at this level."""
    found: list[int] = []
    held, raised_at = False, None
    for at, row in enumerate(rows):
        turn = surge.turn(_at_level(row.reading, level), row.at, held=held, raised_at=raised_at)
        if turn is Turn.RAISED:
            held, raised_at = True, row.at
            found.append(at)
        elif turn is Turn.CLEARED:
            held = False
    return found


def _at_level(reading: Reading, level: float) -> Reading:
    """The verdict that another level would have given."""
    if reading.rise is None or reading.mood is Mood.CALM:
        return reading
    return Reading(Mood.SURGE if reading.rise.surprise >= level else Mood.BETWEEN, reading.rise)


def volume(path: Path, windows: Sequence[Sequence[str]]) -> Volume:
    """Reads a series row by row as the daemon would, five minutes after five minutes, with hours as its memory."""
    with path.open(newline="") as file:
        read = [(_moment(row["timestamp"]), int(row["value"])) for row in csv.DictReader(file)]
    first = read[0][0].replace(minute=0, second=0)
    counts: list[int] = []
    rows = []
    for at, value in read:
        now = at + ROW
        hour = (now - timedelta(microseconds=1) - first) // HOUR
        counts += [0] * (hour + 1 - len(counts))
        counts[hour] += value
        rows.append(Row(now, surge.read(Series(first, tuple(counts)), now, UTC, Sensitivity.LOW)))
    starts = [at for at, _ in read]
    places = [(bisect_left(starts, _moment(begin)), bisect_right(starts, _moment(end)) - 1) for begin, end in windows]
    return Volume(path.stem.removeprefix("Twitter_volume_"), rows, places)


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def nab(folder: Path, *, quick: bool) -> None:
    windows = json.loads((folder / "windows.json").read_text())
    volumes = [volume(folder / name, windows[name]) for name in sorted(windows)[-2 if quick else 0 :]]
    head = ["level", *(one.name for one in volumes), "all", "windows found", "outside"]
    rows = []
    for sensitivity, level in LEVELS.items():
        rows.append([f"{sensitivity} ({level:g})", *_line([one.score(level) for one in volumes])])
    chosen = [_best([other for other in volumes if other is not one]) for one in volumes]
    learned = [one.score(level) for one, level in zip(volumes, chosen, strict=True)]
    rows.append(["learned from the others", *_line(learned)])
    levels = ", ".join(f"{one.name} {level:g}" for one, level in zip(volumes, chosen, strict=True))
    note = f"Levels learned from the other series: {levels}. For comparison, thresholds tuned on the series tested: Numenta HTM 68.0, Twitter ADVec 59.6."
    table("NAB realTweets, standard profile, 0-100", head, rows, note=note)


def _line(scores: Sequence[Score]) -> list[object]:
    found = sum(earned > -1 for one in scores for earned in one.earned)
    all_ = sum(len(one.earned) for one in scores)
    return [
        *(one.normalised for one in scores),
        normalised(scores),
        f"{found} of {all_}",
        sum(one.false for one in scores),
    ]


def _best(volumes: Sequence[Volume]) -> float:
    """The middle of the levels that score best together."""
    by_level = {level: normalised([one.score(level) for one in volumes]) for level in GRID}
    best = [level for level in GRID if by_level[level] >= max(by_level.values()) - 1e-9]
    return best[len(best) // 2]


ZONE = ZoneInfo("America/Chicago")
BEGIN = datetime(2022, 1, 3, 6, tzinfo=UTC)
YEARS = 3
DAYS = 1096
WEEKDAYS = (1.25, 1.2, 1.1, 1.1, 1.05, 0.7, 0.6)
HOURS = (2, 1, 1, 1, 1, 2, 4, 8, 12, 14, 15, 15, 15, 14, 14, 14, 14, 14, 15, 16, 16, 13, 8, 4)
RESTLESS = 0.1
"""Day-to-day variance beyond Poisson of a clinic: a day's rate is drawn from a gamma distribution."""


class Plant(NamedTuple):
    """A planted surge: its name, hours, how many times the clinic's rate comes on top, and how many mentions at least."""

    name: str
    hours: int
    times: float
    least: int


PLANTS = (Plant("pile-on of 6 h", 6, 10, 8), Plant("a bad day", 24, 4, 8), Plant("a bad week", 168, 2, 10))


@dataclass
class Clinic:
    """Three years of a clinic: when it was mentioned, which days were not collected whole, and the surges planted in it."""

    times: list[datetime]
    partial: frozenset[int]
    planted: list[tuple[Plant, datetime, list[datetime]]] = field(default_factory=list)


def clinic(rate: float, rng: random.Random, *, planted: bool) -> Clinic:
    """`rate` mentions a day with the rhythm of days and hours, a year's rise and fall, restless days and lost ones."""
    times: list[datetime] = []
    partial: set[int] = set()
    for day in range(DAYS):
        start = BEGIN + day * DAY
        season = 1 + 0.2 * math.sin(2 * math.pi * day / 365)
        mean = rate * season * WEEKDAYS[start.astimezone(ZONE).weekday()] * rng.gammavariate(1 / RESTLESS, RESTLESS)
        found = [
            start + rng.choices(range(24), HOURS)[0] * HOUR + rng.random() * HOUR for _ in range(_poisson(mean, rng))
        ]
        if rng.random() < 0.01:  # a morning that was not collected
            partial |= set(range(24 * day, 24 * day + 12))
            found = [at for at in found if at >= start + 12 * HOUR]
        times += found
    made = Clinic(times, frozenset(partial))
    if planted:
        for number, day in enumerate(range(100, DAYS - 14, 120)):
            plant = PLANTS[number % len(PLANTS)]
            start = BEGIN + day * DAY + rng.random() * 20 * HOUR
            size = max(plant.least, round(plant.times * rate * plant.hours / 24))
            more = sorted(start + rng.random() * plant.hours * HOUR for _ in range(size))
            made.planted.append((plant, more[0], more))
            made.times += more
    made.times.sort()
    return made


def _poisson(mean: float, rng: random.Random) -> int:
    count, reached = 0, rng.expovariate(1)
    while reached < mean:
        count += 1
        reached += rng.expovariate(1)
    return count


def raised(made: Clinic, levels: Sequence[float]) -> dict[float, list[datetime]]:
    """When the daemon would have raised a surge, by level: it looks at each mention, and every hour whether one is over."""
    found: dict[float, list[datetime]] = {level: [] for level in levels}
    held = dict.fromkeys(levels, False)
    for now, reading in _readings(made, lambda: any(held.values())):
        for level in levels:
            raised_at = found[level][-1] if found[level] else None
            turn = surge.turn(_at_level(reading, level), now, held=held[level], raised_at=raised_at)
            if turn is Turn.RAISED:
                found[level].append(now)
            if turn is not None:
                held[level] = turn is Turn.RAISED
    return found


def _readings(made: Clinic, held: Callable[[], bool]) -> Iterator[tuple[datetime, Reading]]:
    counts = [0] * (24 * (DAYS + 8))
    times = iter(made.times)
    upcoming = next(times, None)
    look = BEGIN
    while upcoming is not None:
        while held() and look < upcoming:
            yield look, _read(counts, made, look)
            look += HOUR
        counts[(upcoming - BEGIN) // HOUR] += 1
        yield upcoming, _read(counts, made, upcoming)
        look = upcoming + HOUR
        upcoming = next(times, None)


def _read(counts: Sequence[int], made: Clinic, now: datetime) -> Reading:
    """The last eight weeks and some, from a midnight on, as the store hands them over."""
    hour = (now - BEGIN) // HOUR
    start = max(0, (hour - PAST - 72) // 24 * 24)
    recent = [at - start for at in made.partial if start <= at <= hour] if made.partial else []
    series = Series(BEGIN + start * HOUR, tuple(counts[start : hour + 1]), frozenset(recent))
    return surge.read(series, now, ZONE, Sensitivity.LOW)


RATES = {0.2: 12, 1.0: 6, 3.0: 6, 30.0: 4}
"""Mentions a day, and how many clinics of that sort."""


def clinics(args: Namespace) -> None:
    levels = list(LEVELS.values())
    quiet_rows, found_rows = [], []
    for rate, number in RATES.items():
        some = 1 if args.quick else number
        rng = random.Random(f"{args.seed}/{rate}")
        false = dict.fromkeys(levels, 0)
        for _ in range(some):
            for level, times in raised(clinic(rate, rng, planted=False), levels).items():
                false[level] += len(times)
        quiet_rows.append([rate, some * YEARS, *(f"{false[level] / (some * YEARS):.2f}" for level in levels)])
        made = [clinic(rate, rng, planted=True) for _ in range(max(1, some // 2))]
        told = [raised(one, levels) for one in made]
        for plant in PLANTS:
            cells = [_told(plant, made, [one[level] for one in told]) for level in levels]
            found_rows.append([rate, plant.name, *cells])
    names = [f"{name} ({level:g})" for name, level in LEVELS.items()]
    table("False alarms per clinic-year, no surge planted", ["mentions a day", "clinic-years", *names], quiet_rows)
    table(
        "Planted surges: share told, median hours until told, median planted mentions by then",
        ["mentions a day", "surge", *names],
        found_rows,
        note="; ".join(
            f"{one.name}: {one.times:g} times the rate on top for {one.hours} h, at least {one.least} mentions"
            for one in PLANTS
        ),
    )


def _told(plant: Plant, made: Sequence[Clinic], told: Sequence[Sequence[datetime]]) -> str:
    delays, seen, planted = [], [], 0
    for one, times in zip(made, told, strict=True):
        for which, start, more in one.planted:
            if which is plant:
                planted += 1
                at = next((at for at in times if start <= at <= more[-1] + DAY), None)
                if at is not None:
                    delays.append((at - start) / HOUR)
                    seen.append(bisect_right(more, at))
    if not delays:
        return f"0 of {planted}"
    return f"{len(delays) / planted:.0%}, {median(delays):.1f} h, {median(seen):.0f} of {len(more)}"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--nab", type=Path, help="folder of the NAB series")
    args = parser.parse_args()
    print(machine())
    if args.nab:
        nab(args.nab, quick=args.quick)
    clinics(args)


if __name__ == "__main__":
    main()
