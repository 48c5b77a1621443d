"""Problems of an import: what was left out, what is unusual, and when that is an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from amc.errors import UserError

NAMED_IN_ERROR = 3  # problems that an error message lists; the summary lists all


@dataclass(frozen=True)
class Problem:
    """Something that was left out, or something unusual that was used.

    Attributes:
        kind: a few words that all problems of this kind share, such as "clip too short".
        where: the file, and the place in it.
        reason: details with numbers; empty if the kind is enough.
        skipped: whether something was left out.
    """

    kind: str
    where: str
    reason: str = ""
    skipped: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.reason or self.kind}"


@dataclass
class Problems:
    """All problems of an import in the order in which they were found."""

    found: list[Problem] = field(default_factory=list)

    def skip(self, kind: str, where: str, reason: str = "") -> None:
        """Adds a problem because of which something is left out."""
        self.found.append(Problem(kind, where, reason))

    def note(self, kind: str, where: str, reason: str = "") -> None:
        """Adds something unusual because of which nothing is left out."""
        self.found.append(Problem(kind, where, reason, skipped=False))

    def counts(self) -> dict[str, int]:
        """Number of problems of each kind, in order of first appearance."""
        return dict(Counter(problem.kind for problem in self.found))

    def sample(self, *, skipped_only: bool = False) -> str:
        """A few problems and the number of others, for an error message.

        What was left out comes before remarks, and one problem of each kind before a second one.
        """
        found = [problem for problem in self.found if problem.skipped or not skipped_only]
        seen: Counter[str] = Counter()
        rank: dict[Problem, tuple[bool, int]] = {}
        for problem in found:
            rank.setdefault(problem, (not problem.skipped, seen[problem.kind]))
            seen[problem.kind] += 1
        named = [str(problem) for problem in sorted(found, key=rank.__getitem__)[:NAMED_IN_ERROR]]
        more = len(found) - len(named)
        return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])

    def lines(self) -> list[str]:
        """Lines for a summary that count and list all problems; empty if there are none."""
        if not self.found:
            return []
        counted = ", ".join(f"{n} {kind}" for kind, n in self.counts().items())
        return [f"  problems: {counted}", *(f"    {problem}" for problem in self.found)]

    def require_classes(
        self, source: object, labels: Iterable[str], *, strict: bool, what: str = "clip", hint: str = ""
    ) -> tuple[str, ...]:
        """Returns the distinct labels, sorted, if they are enough for a data set.

        Args:
            source: what is imported, for the message.
            labels: classes of everything that can be used.
            strict: whether it is an error that something was left out.
            what: what the labels belong to, for the message.
            hint: what a class is, for the message.

        Raises:
            UserError: there are fewer than two classes, or something was left out and `strict` is set.
        """
        if strict and any(problem.skipped for problem in self.found):
            raise UserError(f"{source}: {self.sample(skipped_only=True)} (without --strict, these are left out)")
        classes = tuple(sorted(set(labels)))
        if len(classes) < 2:
            found = f"only the class {classes[0]!r} has a usable {what}" if classes else f"there is no usable {what}"
            raise UserError(
                f"{source}: {found}, but at least two classes are needed"
                + (f", {hint}" if hint else "")
                + (f"; not usable: {self.sample()}" if self.found else "")
            )
        return classes
