"""Where a run stands: the book with the entries that the run has sized so far."""

from dataclasses import dataclass, replace

from tenthman.domain.order import Book, PendingEntry
from tenthman.risk.figures import BookFigures, figures_of
from tenthman.risk.numbers import RuleNumbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The book, the same in whole numbers under its rules, and how many `entries` of this run have a size."""

    book: Book
    figures: BookFigures
    entries: int = 0

    def with_entry(self, sent: PendingEntry) -> "Standing":
        """Where the run stands once `sent` is on its way: it counts as if it had filled."""
        return Standing(
            book=replace(self.book, pending=(*self.book.pending, sent)),
            figures=self.figures.with_entry(sent),
            entries=self.entries + 1,
        )


def standing_on(book: Book, rules: RuleNumbers) -> Standing:
    """Where a run stands that has entered nothing yet."""
    return Standing(book=book, figures=figures_of(book, rules))
