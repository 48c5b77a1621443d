"""What an importer could not use, all of it named, and when that is an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from amc.errors import UserError

NAMED_IN_ERROR = 3  # problems that an error line names; the summary names all


@dataclass(frozen=True)
class Problem:
    """One thing that was left out, or an oddity that was not.

    Attributes:
        kind: a few words that are the same for all problems of its kind, such as "clip too short".
        where: the file, and the place in it.
        reason: what is wrong, with the numbers; "" where the kind says it all.
        skipped: whether something was left out for it.
    """

    kind: str
    where: str
    reason: str = ""
    skipped: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.reason or self.kind}"


@dataclass
class Problems:
    """All problems of an import, in the order in which they were found."""

    found: list[Problem] = field(default_factory=list)

    def skip(self, kind: str, where: str, reason: str = "") -> None:
        """Something is left out."""
        self.found.append(Problem(kind, where, reason))

    def note(self, kind: str, where: str, reason: str = "") -> None:
        """Something is odd, and nothing is left out for it."""
        self.found.append(Problem(kind, where, reason, skipped=False))

    def counts(self) -> dict[str, int]:
        """How many of each kind, in the order in which kinds were first found."""
        return dict(Counter(problem.kind for problem in self.found))

    def sample(self) -> str:
        """The first problems and the number of the others, for an error line."""
        more = len(self.found) - NAMED_IN_ERROR
        named = [str(problem) for problem in self.found[:NAMED_IN_ERROR]]
        return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])

    def lines(self) -> list[str]:
        """The part of a summary that counts and names them all; empty where there are none."""
        if not self.found:
            return []
        counted = ", ".join(f"{n} {kind}" for kind, n in self.counts().items())
        return [f"  problems: {counted}", *(f"    {problem}" for problem in self.found)]

    def judge(
        self, source: object, labels: Iterable[str], *, strict: bool, what: str = "clip", hint: str = ""
    ) -> tuple[str, ...]:
        """The distinct labels, sorted, where they make a data set.

        Args:
            source: what is imported, for the message.
            labels: classes of what can be used.
            strict: whether any problem that left something out is an error.
            what: a word for what the labels are of.
            hint: what a class is, for the message.

        Raises:
            UserError: fewer than two classes are left, or `strict` has something to object to.
        """
        if strict and any(problem.skipped for problem in self.found):
            raise UserError(f"{source}: {self.sample()} (without --strict they are left out)")
        classes = tuple(sorted(set(labels)))
        if len(classes) < 2:
            held = f"only the class {classes[0]!r} has a usable {what}" if classes else f"there is no usable {what}"
            raise UserError(
                f"{source}: {held}, and two classes are needed"
                + (f", {hint}" if hint else "")
                + (f"; not usable: {self.sample()}" if self.found else "")
            )
        return classes
